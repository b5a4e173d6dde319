// A temporary project for the tests of code tracing, with a digest that reads the file each time, counted.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeAll } from '@jest/globals';
import { digestBytes, loadDigest } from '../core/digest.ts';
import type { Observation } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import type { CodeTrace } from '../plan/ports.ts';
import { CodeTracer } from './trace.ts';
import type { TraceWork } from './trace.ts';

export type Tree = Readonly<Record<string, string>>;

export class TraceRig {
  /** Everything lies in here; the project is `repo`, so that there can be files outside of it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'dagrun-trace-'));
  readonly root = join(this.folder, 'repo');
  readonly stateDir = join(this.folder, 'state');
  /** What the last trace had to do. */
  work: string[] = [];
  /** Paths that were digested. */
  digested: string[] = [];

  constructor(tree: Tree = {}) {
    mkdirSync(this.root);
    this.write(tree);
  }

  write(tree: Tree): void {
    for (const [path, text] of Object.entries(tree)) {
      const file = resolve(this.root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  /** A package in a node_modules folder. */
  install(name: string, version: string, where = '.'): void {
    this.write({
      [`${where}/node_modules/${name}/package.json`]: JSON.stringify({ name, version, main: 'index.js' }),
      [`${where}/node_modules/${name}/index.js`]: 'module.exports = 1;',
    });
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(resolve(this.root, path)), { recursive: true });
    symlinkSync(target, resolve(this.root, path));
  }

  remove(path: string): void {
    rmSync(resolve(this.root, path), { recursive: true, force: true });
  }

  digest = (path: string): MaybePromise<Observation> => {
    this.digested.push(path);
    const file = resolve(this.root, path);
    try {
      const bytes = readFileSync(file);
      const executable = (statSync(file).mode & 0o100) !== 0;
      return { kind: 'file', digest: digestBytes(bytes), size: bytes.length, executable };
    } catch {
      return { kind: 'missing' };
    }
  };

  tracer(stateDir = this.stateDir): CodeTracer {
    const onWork = (work: TraceWork, subject: string) => void this.work.push(`${work} ${subject}`);
    return new CodeTracer({ root: this.root, stateDir, digest: this.digest, onWork });
  }

  /** As a new process would: with what the last one saved. */
  async trace(entry: string): Promise<Result<CodeTrace, string>> {
    this.work = [];
    const tracer = this.tracer();
    const result = await tracer.trace(entry as RepoPath);
    tracer.save();
    return result;
  }

  /** The trace of an entry that has one. */
  async traced(entry: string): Promise<CodeTrace> {
    const result = await this.trace(entry);
    if (!result.ok) throw new Error(result.error);
    return result.value;
  }

  async files(entry: string): Promise<string[]> {
    return Object.keys((await this.traced(entry)).files);
  }

  async packages(entry: string): Promise<Record<string, string>> {
    return { ...(await this.traced(entry)).packages };
  }

  async problem(entry: string): Promise<string> {
    const result = await this.trace(entry);
    if (result.ok) throw new Error('there is no problem');
    return result.error;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The traces before and after a change, by processes that share their state. */
export async function around(
  rig: TraceRig,
  change: () => void,
  entry = 'main.ts',
): Promise<{ readonly same: boolean; readonly files: string[] }> {
  const before = await rig.traced(entry);
  change();
  const after = await rig.traced(entry);
  return { same: JSON.stringify(before) === JSON.stringify(after), files: Object.keys(after.files) };
}

/** Makes rigs for the tests of a file, and removes them after each. Digests are loaded before. */
export function makeRigs(): (tree: Tree) => TraceRig {
  beforeAll(loadDigest);
  const rigs: TraceRig[] = [];
  afterEach(() => {
    for (const rig of rigs.splice(0)) rig.dispose();
  });
  return (tree) => {
    const rig = new TraceRig(tree);
    rigs.push(rig);
    return rig;
  };
}
