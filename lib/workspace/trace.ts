// `code:` — everything that a program is made of. From an entry file it follows the imports to every local file and every package,
// so that a forgotten helper cannot give a false cache hit, and the upgrade of an unrelated package causes no rerun.
// The rules are in docs/code-tracing.md. This module walks; trace-graph.ts knows the modules, trace-resolve.ts where an import leads.
// Knows nothing of stages, fingerprints or locks.

import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import type { Observation } from '../core/observation.ts';
import { compareText } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import type { CodeTrace } from '../plan/ports.ts';
import { TraceCache } from './trace-cache.ts';
import type { SourceNode } from './trace-cache.ts';
import { keyOf, TraceGraph } from './trace-graph.ts';
import type { FileId, TraceWork } from './trace-graph.ts';

export type { TraceWork } from './trace-graph.ts';

export interface CodeTracerOptions {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of the folder for machine-local state; it need not exist. */
  readonly stateDir: string;
  /**
   * What is at a path: relative to the root, with leading `..` for a file outside of it (absolute where the root is a symbolic link).
   * A file's digest must be digestBytes() of its content.
   */
  readonly digest: (path: string) => MaybePromise<Observation>;
  /** Told of all work that a remembered trace would have saved, with the file that it was done for. */
  readonly onWork?: (work: TraceWork, subject: string) => void;
}

/** Problems that a message lists at most. */
const shownProblems = 10;

export class CodeTracer {
  readonly #options: CodeTracerOptions;
  #cache: TraceCache | undefined;
  #graph: TraceGraph | undefined;
  #traces = new Map<string, MaybePromise<Result<CodeTrace, string>>>();

  constructor(options: CodeTracerOptions) {
    this.#options = options;
  }

  /**
   * All local files and packages that the program at `entry` is made of, itself included. Synchronous where nothing changed since
   * the last trace and `digest` answers at once. Files asked about once are not looked at again until forget().
   * The error names file, line and column: a missing file, a syntax error.
   */
  trace(entry: RepoPath): MaybePromise<Result<CodeTrace, string>> {
    const known = this.#traces.get(entry);
    if (known !== undefined) return known;
    const traces = this.#traces;
    const found = this.#startTrace(entry);
    traces.set(entry, found);
    if (found instanceof Promise)
      void found.then(
        (result) => traces.set(entry, result),
        () => traces.delete(entry),
      );
    return found;
  }

  #startTrace(entry: RepoPath): MaybePromise<Result<CodeTrace, string>> {
    const graph = (this.#graph ??= this.#newGraph());
    const path = join(graph.disk.root, entry);
    const { kind, real } = graph.disk.look(path);
    if (kind === 'none') return err(`${entry}: does not exist`);
    if (kind === 'folder')
      return err(`${entry}: is a folder; name the files that are run, or declare the folder under "deps"`);
    return continueWalk(graph, new Walk(graph.idOf({ path, real })));
  }

  #newGraph(): TraceGraph {
    const { root, stateDir, digest, onWork } = this.#options;
    this.#cache ??= new TraceCache(stateDir);
    return new TraceGraph({ root, cache: this.#cache, observe: digest, onWork: onWork ?? (() => undefined) });
  }

  /**
   * Where the trace of `entry` has just failed: every path that could mend it by what comes to lie there, relative to the root. A file that
   * cannot be read as it is counts too.
   */
  async hopes(entry: RepoPath): Promise<readonly string[]> {
    const graph = (this.#graph ??= this.#newGraph());
    const path = join(graph.disk.root, entry);
    const { kind, real } = graph.disk.look(path);
    if (kind !== 'file') return [entry];
    const walk = new Walk(graph.idOf({ path, real }));
    const hopes: string[] = [];
    for (let id = walk.next(); id !== undefined; id = walk.next()) {
      const node = await graph.node(id);
      walk.add(id, node);
      if (node.problems.length > 0) hopes.push(keyOf(id), ...graph.absent(node));
    }
    return hopes;
  }

  /** Looks at the disk anew from here on. To be called whenever files may have changed: after a stage ran. */
  forget(): void {
    this.#graph = undefined;
    this.#traces = new Map();
  }

  /** Writes what was learnt for the next process. Where that fails, nothing is lost but time. */
  save(): void {
    this.#cache?.save();
  }
}

/** Adds files until none is left, synchronously as far as possible. */
function continueWalk(graph: TraceGraph, walk: Walk): MaybePromise<Result<CodeTrace, string>> {
  for (let id = walk.next(); id !== undefined; id = walk.next()) {
    const node = graph.node(id);
    if (node instanceof Promise) return finishWalk(graph, walk, id, node);
    walk.add(id, node);
  }
  return walk.result();
}

async function finishWalk(
  graph: TraceGraph,
  walk: Walk,
  id: FileId,
  node: Promise<SourceNode>,
): Promise<Result<CodeTrace, string>> {
  walk.add(id, await node);
  for (let next = walk.next(); next !== undefined; next = walk.next()) walk.add(next, await graph.node(next));
  return walk.result();
}

/** The files that can be reached from an entry. Cycles are fine, and depth is no matter: nothing recurses. */
class Walk {
  readonly #found: Set<FileId>;
  readonly #queue: FileId[];
  #position = 0;
  readonly #digests = new Map<string, Digest>();
  readonly #packages = new Map<string, Set<string>>();
  readonly #problems: string[] = [];

  constructor(entry: FileId) {
    this.#found = new Set([entry]);
    this.#queue = [entry];
  }

  next(): FileId | undefined {
    return this.#queue[this.#position++];
  }

  add(id: FileId, node: SourceNode): void {
    this.#digests.set(keyOf(id), node.digest);
    this.#problems.push(...node.problems);
    for (const file of node.files) {
      if (this.#found.has(file)) continue;
      this.#found.add(file);
      this.#queue.push(file);
    }
    for (let at = 0; at < node.packages.length; at += 2) this.#addPackage(node.packages[at]!, node.packages[at + 1]!);
  }

  #addPackage(name: string, version: string): void {
    const versions = this.#packages.get(name);
    if (versions === undefined) this.#packages.set(name, new Set([version]));
    else versions.add(version);
  }

  result(): Result<CodeTrace, string> {
    const count = this.#problems.length;
    if (count > 0) {
      const more = count > shownProblems ? [`and ${count - shownProblems} more`] : [];
      return err([...this.#problems.slice(0, shownProblems), ...more].join('\n'));
    }
    const packages = [...this.#packages].map(
      ([name, versions]) => [name, [...versions].sort(compareText).join(', ')] as const,
    );
    return ok({ files: sortedRecord(this.#digests), packages: sortedRecord(packages) });
  }
}

/** Without prototype, so that any key is safe. */
function sortedRecord<Value>(entries: Iterable<readonly [string, Value]>): Record<string, Value> {
  const record = Object.create(null) as Record<string, Value>;
  for (const [key, value] of [...entries].sort((a, b) => compareText(a[0], b[0]))) record[key] = value;
  return record;
}
