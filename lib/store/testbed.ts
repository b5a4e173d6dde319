// For the tests of this folder: a workspace and a cache in a temporary folder, and short ways to fill them.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { digestBytes, digestText } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry, RunOut } from '../plan/record.ts';
import { resultDigest } from './entry.ts';
import { CacheStore } from './store.ts';
import { readTree } from './tree.ts';

export interface Testbed {
  readonly base: string;
  readonly root: string;
  readonly dir: string;
  readonly store: CacheStore;
  readonly warnings: string[];
  /** Another store object on the same folder, as another process would have it. */
  reopen(): CacheStore;
  /** Writes a file in the workspace (parents included) and returns its absolute path. */
  write(path: string, bytes: string | Uint8Array, mode?: number): string;
  at(path: string): string;
  /** Absolute path of an object. */
  object(content: Present): string;
  dispose(): void;
}

export function makeTestbed(folder: string = tmpdir()): Testbed {
  const base = realpathSync(mkdtempSync(join(folder, 'dagrun-store-')));
  const root = `${base}/workspace`;
  const dir = `${base}/cache`;
  const warnings: string[] = [];
  mkdirSync(root);
  const reopen = (): CacheStore => CacheStore.open({ dir, root, onWarning: (message) => warnings.push(message) });
  const at = (path: string): string => `${root}/${path}`;
  const write = (path: string, bytes: string | Uint8Array, mode = 0o644): string => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), bytes);
    chmodSync(at(path), mode);
    return at(path);
  };
  const object = (content: Present): string =>
    `${dir}/objects/${content.digest.slice(0, 2)}/${content.digest.slice(2)}`;
  return {
    base,
    root,
    dir,
    store: reopen(),
    warnings,
    reopen,
    write,
    at,
    object,
    dispose: () => rmSync(base, { recursive: true, force: true }),
  };
}

/** What is at an absolute path: the recorded content that a run would have observed. */
export async function observe(path: string): Promise<Present> {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) {
    const bytes = readFileSync(path);
    return { kind: 'file', digest: digestBytes(bytes), size: bytes.length, executable: (stats.mode & 0o100) !== 0 };
  }
  const manifest = await readTree(path);
  if (!manifest.ok) throw new Error(manifest.error);
  const files = manifest.value.filter((entry) => entry.kind === 'file');
  const size = files.reduce((sum, entry) => sum + entry.size, 0);
  return { kind: 'tree', digest: digestText(encodeManifest(manifest.value)), size, files: files.length };
}

/** Observes a path and stores it. */
export async function put(bed: Testbed, path: string): Promise<Present> {
  const content = await observe(bed.at(path));
  const stored = await bed.store.put({ path: bed.at(path), content });
  if (!stored.ok) throw new Error(stored.error.message);
  return content;
}

export function makeEntry(contents: readonly Present[], fields: Partial<RunEntry> = {}): RunEntry {
  const outs: RunOut[] = contents.map((content, index) => ({ path: `out${index}` as RepoPath, label: 'out', content }));
  return {
    fingerprint: digestText('fingerprint') as Fingerprint,
    result: resultDigest(outs),
    stage: 'train@a' as StageName,
    group: 'train',
    parts: { cmd: { '0': 'python train.py' }, dep: { 'data/x.csv': digestText('x') } },
    outs,
    params: { 'params.yaml': { 'train.lr': 0.1, layers: [1, 2, { deep: null }] } },
    metrics: { 'metrics.json': { accuracy: 0.5 } },
    deps: { 'data/x.csv': digestText('x') },
    at: '2024-05-01T10:00:00.000Z',
    seconds: 12.5,
    peakMemory: 1024,
    host: 'box',
    runId: 'run-1',
    ...fields,
  };
}

/** Where an entry lies. */
export function runPath(bed: Testbed, entry: { readonly fingerprint: string; readonly result: string }): string {
  return `${bed.dir}/runs/${entry.fingerprint.slice(0, 2)}/${entry.fingerprint}/${entry.result}.json`;
}

/** Every file and link below a folder, with what they hold. */
export function listAll(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((item) => !item.isDirectory())
    .map((item) => join(item.parentPath, item.name).slice(folder.length + 1))
    .sort();
}
