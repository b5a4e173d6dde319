// The content of a folder, or of all matches of a glob, as one digest: checks the record of it, walks again what differs, and looks
// at what symbolic links lead to outside.
//
// What a link leads to lies in another folder, which may hold links back: each folder is entered once on the way from the one that
// was asked for. A link to a folder that is already being looked at, or that lies around or inside it, has no digest.

import { constants, realpathSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import type { Observation } from '../core/observation.ts';
import { overlaps } from '../core/path.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { lstatIfExists } from './files-stat.ts';
import type { Pace, Steps } from './files-pace.ts';
import { describe } from './hash.ts';
import type { FileHasher } from './hash.ts';
import type { StatIndex } from './stat-index.ts';
import { digestTree } from './tree-manifest.ts';
import { namesOf, packTree } from './tree-record.ts';
import type { Listing, TreeRecord } from './tree-record.ts';
import { hasDigest, ignoredRow, leavingLink, rowDigest } from './tree-rows.ts';
import { verifyTree } from './tree-verify.ts';
import { TreeWalk } from './tree-walk.ts';

export interface TreeRequest {
  /** What the record is kept under: the path as the reader knows it, or a glob. */
  readonly key: string;
  /** Absolute path of the folder, no link itself. */
  readonly base: string;
  /** Paths relative to `base` to be taken instead of all that is there. */
  readonly listed: readonly string[] | null;
}

/** What trees need of the reader they belong to. */
export interface TreeTools {
  readonly index: StatIndex;
  readonly hasher: FileHasher;
  readonly pace: Pace;
  /** Digest of everything that decides what counts. */
  readonly rules: string;
  /** Says what does not count in a folder; paths are relative to it. */
  skipsIn(base: string): (path: string, isFolder: boolean) => boolean;
  /** The key under which a folder or file with this absolute path is kept. */
  keyOf(path: string): string;
  /** Digest of a regular file. */
  file(key: string, path: string): Steps<Observation>;
}

interface Seen {
  readonly observation: Observation;
  readonly cut: Cut;
}

/**
 * A link was left without a digest because of this folder (its place in the stack of the way), so that what was seen is true of ways
 * through that folder only; Infinity: true of every way.
 */
type Cut = number;

/** One way through folders that links lead to. */
interface Way {
  /** Real paths of the folders that are being looked at. */
  readonly stack: readonly string[];
  /** By real path: what is true of every way. */
  readonly seen: Map<string, Seen>;
  /** How often each folder was entered. */
  readonly entered: Map<string, number>;
  /** A link on this way led out of its folder. */
  left: boolean;
}

interface Link {
  readonly path: string;
  readonly row: number;
}

/** Folders that all link to each other make more ways than anyone can walk. */
const maxEntered = 64;

/** What is in a folder; `leaves`: some of it lies elsewhere, so that a change there changes it. */
export function* observeTree(
  tools: TreeTools,
  request: TreeRequest,
): Steps<{ observation: Observation; leaves: boolean }> {
  const way: Way = { stack: [], seen: new Map(), entered: new Map(), left: false };
  const { observation } = yield* lookAt(tools, request, way);
  return { observation, leaves: way.left };
}

function* lookAt(tools: TreeTools, request: TreeRequest, way: Way): Steps<Seen> {
  const { index, pace } = tools;
  const previous = index.tree(request.key);
  const listed = request.listed === null ? null : request.listed.join('\0');
  const unchanged =
    previous?.meta.rules === tools.rules
      ? yield* verifyTree(previous, { base: request.base, pace, listed })
      : undefined;
  if (previous !== undefined && unchanged?.every((same) => same === 1) === true) {
    const links = yield* followAll(tools, request, leavingLinks(previous), way);
    if (!links.ok) return unreadable(links.error);
    if (links.value.every((link) => link.digest === recordedDigest(previous, link.row))) {
      const { digest, size, files } = previous.meta;
      return { observation: { kind: 'tree', digest, size, files }, cut: lowestCut(links.value, way) };
    }
  }
  return yield* walkAgain(tools, request, { way, previous, unchanged });
}

function* walkAgain(
  tools: TreeTools,
  request: TreeRequest,
  { way, previous, unchanged }: { way: Way; previous: TreeRecord | undefined; unchanged: Uint8Array | undefined },
): Steps<Seen> {
  const { hasher, pace, rules } = tools;
  const skips = tools.skipsIn(request.base);
  const walk = new TreeWalk({ ...request, rules, pace, hasher, skips, previous, unchanged });
  const walked = yield* walk.run();
  if (!walked.ok) return unreadable(walked.error);
  const links = yield* followAll(tools, request, leavingLinks(walk), way);
  if (!links.ok) return unreadable(links.error);
  for (const { row, digest } of links.value) {
    if (digest === null) walk.columns.mode[row]! &= ~hasDigest;
    else walk.rows.vouch(row, digest, true);
  }
  const { digest, size, files } = yield* digestTree(walk, pace);
  // Whatever the way: the record is only believed where its links have the same digests again.
  tools.index.setTree(packTree(walk, digest, { size, files }));
  return { observation: { kind: 'tree', digest, size, files }, cut: lowestCut(links.value, way) };
}

function unreadable(reason: string): Seen {
  return { observation: { kind: 'unreadable', reason }, cut: 0 };
}

/** Seen from outside the folder that `way` leads to: what the folder itself cut short is so on every way. */
function lowestCut(links: readonly Followed[], way: Way): Cut {
  const cut = links.reduce((lowest, link) => Math.min(lowest, link.cut), Infinity);
  return cut >= way.stack.length ? Infinity : cut;
}

function recordedDigest({ columns }: TreeRecord, row: number): Digest | null {
  return (columns.mode[row]! & hasDigest) !== 0 ? rowDigest(columns, row) : null;
}

function leavingLinks(listing: Listing): Link[] {
  const { mode } = listing.columns;
  const found: Link[] = [];
  const { counts } = listing;
  let paths: readonly string[] | undefined;
  let first = 0;
  for (let folder = 0; folder < counts.length; folder++) {
    const end = first + counts[folder]!;
    let names: readonly string[] | undefined;
    for (let row = first; row < end; row++) {
      if ((mode[row]! & (leavingLink | ignoredRow)) !== leavingLink) continue;
      paths ??= listing.paths;
      names ??= namesOf(listing, folder);
      const name = names[row - first]!;
      found.push({ row, path: paths[folder] === '' ? name : `${paths[folder]!}/${name}` });
    }
    first = end;
  }
  return found;
}

type Followed = { readonly digest: Digest | null; readonly cut: Cut };

function* followAll(
  tools: TreeTools,
  { base, listed }: TreeRequest,
  links: readonly Link[],
  way: Way,
): Steps<Result<(Followed & { row: number })[], string>> {
  if (links.length === 0) return ok([]);
  way.left = true;
  const followed: (Followed & { row: number })[] = [];
  const real = realPlace(base);
  // The matches of a glob don't cover the folder that they lie in: a link to something in it counts.
  const stack = listed === null ? [...way.stack, (real.ok ? real.value : null) ?? base] : way.stack;
  const here = { ...way, stack };
  for (const { path, row } of links) {
    const end = yield* follow(tools, `${base}/${path}`, here);
    if (!end.ok) return err(`${JSON.stringify(path)} leads to something unreadable: ${end.error}`);
    followed.push({ row, ...end.value });
    if (tools.pace.due()) yield;
  }
  return ok(followed);
}

/** What a link leads to: null where that is nothing, or on this way already. */
function* follow(tools: TreeTools, link: string, way: Way): Steps<Result<Followed, string>> {
  const place = realPlace(link);
  if (!place.ok) return place;
  const real = place.value;
  if (real === null) return ok({ digest: null, cut: Infinity });
  const around = way.stack.findLastIndex((folder) => overlaps(folder, real));
  if (around >= 0) return ok({ digest: null, cut: around });
  const { observation, cut } = way.seen.get(real) ?? (yield* enter(tools, real, way));
  if (observation.kind === 'unreadable') return err(observation.reason);
  return ok({ digest: observation.kind === 'missing' ? null : observation.digest, cut });
}

function* enter(tools: TreeTools, real: string, way: Way): Steps<Seen> {
  const seen = yield* observePlace(tools, real, way);
  if (seen.cut === Infinity) way.seen.set(real, seen);
  return seen;
}

function* observePlace(tools: TreeTools, real: string, way: Way): Steps<Seen> {
  const key = tools.keyOf(real);
  if (!isFolder(real)) return { observation: yield* tools.file(key, real), cut: Infinity };
  const times = (way.entered.get(real) ?? 0) + 1;
  way.entered.set(real, times);
  if (times > maxEntered) return unreadable('too many folders that link to each other');
  return yield* lookAt(tools, { key, base: real, listed: null }, way);
}

function isFolder(path: string): boolean {
  const stat = lstatIfExists(path);
  return stat !== undefined && (stat.mode & constants.S_IFMT) === constants.S_IFDIR;
}

/** The real path of what a link leads to; null where it leads to nothing, or in a circle. */
export function realPlace(path: string): Result<string | null, string> {
  try {
    return ok(realpathSync.native(path));
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' ? ok(null) : err(describe(error));
  }
}
