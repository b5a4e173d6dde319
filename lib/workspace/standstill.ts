// What stat said of everything that a run looked at which found nothing to do. As long as stat says the same, nothing has changed, and there is
// nothing to do again: no need to read the pipeline, the lock or the cache, or to hash anything (the verifying trace of a whole run).
// Machine-local, and only a shortcut: it may be dropped at any time. Small and without packages, as it is read before the program is loaded.
//
//   "dagrunst" | checksum, u32 | length of the directory, u32 | the parts (segment-parts.ts); the directory says what it is true of

import { lstatSync, readFileSync } from 'node:fs';
import type { Pace } from './files-pace.ts';
import { isCount, packSegment, unpackSegment } from './segment-parts.ts';
import type { Segment } from './segment-parts.ts';
import type { TreeRecord } from './tree-record.ts';
import { columnsSize, ignoredRow, sameRow } from './tree-rows.ts';
import { helpedRows, verifyTree } from './tree-verify.ts';

/** What a standstill is true of, besides what lies on the disk. */
export interface Claims {
  /** Which build of dagrun said so. */
  readonly build: string;
  /** Absolute path of the workspace: elsewhere, other things may be its cache. */
  readonly root: string;
  /** Relative to the root. */
  readonly pipeline: string;
  /** Value of DAGRUN_CACHE_DIR; null where it was not set. */
  readonly cacheDir: string | null;
  readonly stages: number;
  /** Paths at which nothing may lie. */
  readonly absent: readonly string[];
}

export interface Standstill {
  readonly claims: Claims;
  readonly seen: Segment;
}

const magic = Buffer.from('dagrunst');
const headerLength = 16;

export function encodeStandstill({ claims, seen }: Standstill): Uint8Array {
  const { buffer, directory } = packSegment(seen, headerLength, { claims });
  const bytes = Buffer.from(buffer);
  magic.copy(bytes);
  const header = new Uint32Array(buffer, 8, 2);
  header[1] = directory;
  header[0] = checksum(buffer);
  return bytes;
}

/** Undefined where there is none, and for anything but what encodeStandstill wrote. */
export function readStandstill(path: string): Standstill | undefined {
  try {
    const bytes = readFileSync(path);
    // A small file lies somewhere in a pool, where columns cannot start.
    if (bytes.length === bytes.buffer.byteLength && bytes.length <= sharedLength) return decodeStandstill(bytes.buffer);
    const buffer = bytes.length > sharedLength ? new SharedArrayBuffer(bytes.length) : new ArrayBuffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    return decodeStandstill(buffer);
  } catch {
    return undefined;
  }
}

/** Below this size nothing is looked at by two threads, which need memory that they can share: there are fewer rows than pay for a second one. */
const sharedLength = columnsSize(helpedRows);

export function decodeStandstill(buffer: ArrayBufferLike): Standstill | undefined {
  try {
    const bytes = Buffer.from(buffer);
    if (bytes.length < headerLength || bytes.length % 8 !== 0 || !bytes.subarray(0, 8).equals(magic)) return undefined;
    const [sum, length] = new Uint32Array(buffer, 8, 2);
    if (sum !== checksum(buffer)) return undefined;
    const unpacked = unpackSegment(buffer, headerLength, length!);
    const claims = unpacked?.directory['claims'];
    return isClaims(claims) ? { claims, seen: unpacked!.segment } : undefined;
  } catch {
    return undefined;
  }
}

/** True where everything is as it was seen: then what was said then is still true. */
export function stillStands({ claims, seen }: Standstill): boolean {
  try {
    return inside(claims.root, () => isAbsent(claims) && areSame(seen) && seen.trees.every(isSame));
  } catch {
    // What cannot be looked at is for the run to complain about.
    return false;
  }
}

/**
 * Looks around from within a folder. The kernel walks the whole of a path for each file that is looked at: from the root of the disk that
 * takes as long as the look itself. Throws where there is no way in, or none back; a worker thread has none.
 */
function inside<T>(folder: string, look: () => T): T {
  const home = process.cwd();
  process.chdir(home);
  process.chdir(folder);
  try {
    return look();
  } finally {
    process.chdir(home);
  }
}

const quiet = { throwIfNoEntry: false } as const;

function isAbsent({ absent }: Claims): boolean {
  return absent.every((path) => lstatSync(path, quiet) === undefined);
}

function areSame({ columns, keys }: Segment): boolean {
  for (let row = 0; row < keys.length; row++) {
    const stat = lstatSync(keys[row]!, quiet);
    if (stat === undefined) return false;
    const kindOnly = (columns.mode[row]! & ignoredRow) !== 0;
    if (kindOnly ? ((columns.mode[row]! ^ stat.mode) & 0o170000) !== 0 : !sameRow(columns, row, stat)) return false;
  }
  return true;
}

const unhurried: Pick<Pace, 'due' | 'until'> = { due: () => false, until: Infinity };

function isSame(tree: TreeRecord): boolean {
  const { key } = tree.meta;
  if (lstatSync(key, quiet)?.isDirectory() !== true) return false;
  return inside(key, () => {
    const work = verifyTree(tree, { base: '.', pace: unhurried, listed: null });
    for (;;) {
      const step = work.next();
      if (step.done === true) return step.value.every((same) => same === 1);
    }
  });
}

/** FNV-1a over words: notices a file that a power cut left half written, which is all it has to. */
function checksum(buffer: ArrayBufferLike): number {
  const words = new Uint32Array(buffer, 12, (buffer.byteLength - 12) >>> 2);
  let sum = 0x811c9dc5;
  for (let index = 0; index < words.length; index++) sum = Math.imul(sum ^ words[index]!, 0x01000193);
  return sum >>> 0;
}

function isClaims(value: unknown): value is Claims {
  if (typeof value !== 'object' || value === null) return false;
  const { build, root, pipeline, cacheDir, stages, absent } = value as Record<string, unknown>;
  const texts = [
    build,
    root,
    pipeline,
    ...(cacheDir === null ? [] : [cacheDir]),
    ...(Array.isArray(absent) ? (absent as unknown[]) : [0]),
  ];
  return isCount(stages) && texts.every((text) => typeof text === 'string');
}
