// Where the paths of a stage may lead. Whether anything is there is checked elsewhere: nothing here touches the disk.

import { isWithin, joinPath, overlaps, placePath, rootPath } from '../core/path.ts';
import type { PlacedPath, RepoPath } from '../core/path.ts';
import type { Reader } from './reader.ts';
import type { Span } from './yaml.ts';

/** What no out may touch. */
export interface PathRules {
  /** The folder of the pipeline file: what `wdir` is relative to. */
  readonly base: RepoPath;
  readonly pipelineFile: string;
  readonly lockFile: string;
  /** As in the pipeline file: relative to the root, or absolute. */
  readonly cacheDir: string;
}

/** A path as written, and what is needed to place it. */
export interface WrittenPath {
  readonly raw: string;
  readonly at: Span;
  readonly wdir: RepoPath;
}

const globPattern = /[*?]/;
const insideHint = 'write a path below the workspace, relative to "wdir"';

/** The folder of a file; the root for a file outside the workspace. */
export function folderOf(file: string): RepoPath {
  const placed = placePath(file, rootPath);
  if (!placed.ok || placed.value.kind === 'outside') return rootPath;
  const slash = placed.value.path.lastIndexOf('/');
  return (slash < 0 ? '' : placed.value.path.slice(0, slash)) as RepoPath;
}

export function placeWdir(reader: Reader, written: WrittenPath): RepoPath | undefined {
  const placed = place(reader, written, 'wdir');
  if (placed === undefined || placed.kind === 'inside') return placed?.path;
  reader.fault(written.at, `wdir: "${written.raw}" is outside the workspace`, {
    hint: 'a stage runs in a folder of the workspace',
  });
  return undefined;
}

/** A file that may lie outside the workspace. */
export function placeFile(reader: Reader, written: WrittenPath, field: string): string | undefined {
  return place(reader, written, field)?.path;
}

export function placeDep(reader: Reader, written: WrittenPath): { path: string; kind: 'path' | 'glob' } | undefined {
  const placed = place(reader, written, 'deps');
  if (placed === undefined) return undefined;
  const glob = globPattern.test(written.raw);
  if (placed.path === '') {
    reader.fault(written.at, 'deps: the whole workspace cannot be a dep', {
      hint: 'it holds the outs as well; name the files and folders that are read',
    });
    return undefined;
  }
  if (glob && placed.kind === 'outside') {
    reader.fault(written.at, `deps: the pattern "${written.raw}" leads outside the workspace`, {
      hint: 'name the folder itself',
    });
    return undefined;
  }
  return glob ? { path: globPath(written, placed.path), kind: 'glob' } : { path: placed.path, kind: 'path' };
}

/** The characters of a folder that would mean something in a pattern are escaped; those of the pattern itself are not. */
function globPath({ wdir }: WrittenPath, path: string): string {
  if (!/[[\](){}!*?+@$|]/.test(wdir) || !path.startsWith(`${wdir}/`)) return path;
  return joinPath(wdir.replace(/[[\](){}!*?+@$|]/g, '\\$&'), path.slice(wdir.length + 1));
}

export function placeCode(reader: Reader, written: WrittenPath): RepoPath | undefined {
  const placed = placeInside(reader, written, 'code');
  if (placed === undefined || !globPattern.test(written.raw)) return placed;
  reader.fault(written.at, `code: "${written.raw}" is a pattern`, {
    hint: 'name the entry file; what it imports is found',
  });
  return undefined;
}

export function placeOut(reader: Reader, written: WrittenPath, rules: PathRules, field: string): RepoPath | undefined {
  const path = placeInside(reader, written, field);
  if (path === undefined) return undefined;
  const refused = refuseOut(path, written.raw, rules);
  if (refused === undefined) return path;
  reader.fault(written.at, `${field}: ${refused.message}`, { hint: refused.hint });
  return undefined;
}

function refuseOut(path: RepoPath, raw: string, rules: PathRules): { message: string; hint: string } | undefined {
  if (globPattern.test(raw))
    return { message: `"${raw}" is a pattern`, hint: 'name the files, or the folder that they are written into' };
  for (const [file, what] of [
    [rules.pipelineFile, 'the pipeline file'],
    [rules.lockFile, 'the lock file'],
  ] as const) {
    const placed = placePath(file, rootPath);
    if (!placed.ok || !isWithin(path, placed.value.path)) continue;
    const message =
      path === placed.value.path ? `${what} cannot be an out` : `"${path}" holds ${what}, so it cannot be an out`;
    return { message, hint: 'outs are removed before a stage runs; write to another path' };
  }
  if (overlaps(path, rules.cacheDir)) {
    return {
      message: `"${path}" and the cache folder "${rules.cacheDir}" overlap`,
      hint: 'write to another path, or move the cache: "cache: {dir: …}"',
    };
  }
  const own = ['.git', '.dagrun'].find((folder) => isWithin(folder, path));
  return own === undefined ? undefined : { message: `"${path}" lies in ${own}`, hint: 'write to another path' };
}

function placeInside(reader: Reader, written: WrittenPath, field: string): RepoPath | undefined {
  const placed = place(reader, written, field);
  if (placed === undefined) return undefined;
  if (placed.kind === 'inside' && placed.path !== '') return placed.path;
  const message =
    placed.kind === 'inside' ? 'this is the whole workspace' : `"${written.raw}" is outside the workspace`;
  reader.fault(written.at, `${field}: ${message}`, { hint: insideHint });
  return undefined;
}

function place(reader: Reader, { raw, at, wdir }: WrittenPath, field: string): PlacedPath | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(raw)) {
    reader.fault(at, `${field}: "${raw}" is an address, not a path`, {
      hint: 'only local files can be used; fetch it in a stage of its own',
    });
    return undefined;
  }
  const placed = placePath(raw, wdir);
  if (placed.ok) return placed.value;
  reader.fault(at, `${field}: ${placed.error}`, { derived: raw === '' });
  return undefined;
}
