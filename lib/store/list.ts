// Listing the cache folder. A missing folder is an empty one; what has another form than the layout's is not listed.

import { lstatSync, readdirSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import { compareText } from '../core/path.ts';
import { codeOf } from '../core/result.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { Layout } from './layout.ts';

/** Names in code-unit order. */
export function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort(compareText);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/**
 * Names in a folder of the cache, none where it is a symlink: what lies behind one is not the cache's, and gc must not remove it. (Only `objects`,
 * `runs` and `history` themselves may be links, to another disk.)
 */
export function listOwn(folder: string): readonly string[] {
  return statOf(folder)?.isDirectory() === true ? listNames(folder) : [];
}

/** Undefined where it is gone. Symlinks are not followed. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

export interface RunName {
  readonly fingerprint: Fingerprint;
  readonly result: Digest;
}

const markerPattern = /^([0-9a-f]{32})-([0-9a-f]{32})$/;

/** What a marker's name says. */
export function parseMarker(name: string): RunName | undefined {
  const match = markerPattern.exec(name);
  return match === null ? undefined : { fingerprint: match[1] as Fingerprint, result: match[2] as Digest };
}

/** Two-digit folders, then names of the given form. */
function* listSpread(folder: string, form: RegExp): Generator<{ readonly spread: string; readonly name: string }> {
  for (const spread of listNames(folder)) {
    if (!/^[0-9a-f]{2}$/.test(spread)) continue;
    for (const name of listOwn(`${folder}/${spread}`)) if (form.test(name)) yield { spread, name };
  }
}

export function* listObjects(layout: Layout): Generator<Digest> {
  for (const { spread, name } of listSpread(layout.folder('objects'), /^[0-9a-f]{30}$/))
    yield (spread + name) as Digest;
}

export function* listRuns(layout: Layout): Generator<RunName> {
  for (const { spread, name } of listSpread(layout.folder('runs'), /^[0-9a-f]{32}$/)) {
    if (name.startsWith(spread)) yield* listResults(layout, name as Fingerprint);
  }
}

export function* listResults(layout: Layout, fingerprint: Fingerprint): Generator<RunName> {
  for (const name of listOwn(layout.runFolder(fingerprint))) {
    const match = /^([0-9a-f]{32})\.json$/.exec(name);
    if (match !== null) yield { fingerprint, result: match[1] as Digest };
  }
}

export interface MarkerName extends RunName {
  /** As encodeName() writes the group. */
  readonly folder: string;
  readonly path: string;
}

export function* listMarkers(layout: Layout): Generator<MarkerName> {
  for (const folder of listNames(layout.folder('history'))) {
    for (const name of listOwn(`${layout.folder('history')}/${folder}`)) {
      const run = parseMarker(name);
      if (run !== undefined) yield { ...run, folder, path: `${layout.folder('history')}/${folder}/${name}` };
    }
  }
}
