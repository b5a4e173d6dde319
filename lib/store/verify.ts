// Checks a whole cache folder: every object against its digest, every entry against its checksum, and what entries need.
// What a crash leaves behind without harm (files in tmp/, objects without an entry, an entry without its marker) is no problem.

import { rmSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import { codeOf } from '../core/result.ts';
import type { RunEntry } from '../plan/record.ts';
import { digestFile } from './bytes.ts';
import { encodeName } from './layout.ts';
import { listMarkers, listObjects, listRuns } from './list.ts';
import type { ObjectStore } from './objects.ts';
import { Pace } from '../core/pace.ts';
import { ioProblem } from './problem.ts';
import type { RunTable } from './runs.ts';

export type VerifyProblem =
  /** The bytes are not those of the digest, or it is not a file. */
  | { readonly kind: 'object-corrupt'; readonly digest: Digest; readonly path: string; readonly message: string }
  /** The entry is damaged or does not belong where it lies. */
  | { readonly kind: 'entry-corrupt'; readonly path: string; readonly message: string }
  /** A sound entry that cannot be restored, since an object is missing; it stays, as a part of the history. */
  | {
      readonly kind: 'entry-incomplete';
      readonly stage: string;
      readonly path: string;
      readonly missing: Digest;
      readonly message: string;
    }
  /** A history names a run that has no entry. */
  | { readonly kind: 'marker-dangling'; readonly path: string; readonly message: string };

export interface VerifyReport {
  readonly objects: number;
  readonly bytes: number;
  readonly entries: number;
  readonly problems: readonly VerifyProblem[];
  /** How many of the problems were removed. */
  readonly repaired: number;
}

export interface VerifyProgress {
  readonly objects: number;
  readonly bytes: number;
}

/** `repair` removes corrupt objects, corrupt entries and dangling markers, and writes missing markers. Throws system errors. */
export async function verifyCache(
  objects: ObjectStore,
  runs: RunTable,
  options: { readonly repair: boolean },
  onProgress: (progress: VerifyProgress) => void,
): Promise<VerifyReport> {
  const checked = await verifyObjects(objects, onProgress);
  const corrupt = new Set(checked.problems.map((problem) => problem.digest));
  const entries = await verifyEntries(objects, runs, corrupt, options);
  const problems: VerifyProblem[] = [
    ...checked.problems,
    ...entries.problems,
    ...verifyMarkers(objects, entries.sound),
  ];
  const removable = problems.filter((problem) => problem.kind !== 'entry-incomplete');
  if (options.repair) for (const problem of removable) rmSync(problem.path, { recursive: true, force: true });
  const repaired = options.repair ? removable.length : 0;
  return { objects: checked.objects, bytes: checked.bytes, entries: entries.count, problems, repaired };
}

type CorruptObject = Extract<VerifyProblem, { kind: 'object-corrupt' }>;

async function verifyObjects(
  store: ObjectStore,
  onProgress: (progress: VerifyProgress) => void,
): Promise<{ readonly objects: number; readonly bytes: number; readonly problems: readonly CorruptObject[] }> {
  const problems: CorruptObject[] = [];
  const pace = new Pace();
  let objects = 0;
  let bytes = 0;
  for (const digest of listObjects(store.layout)) {
    await pace.breathe();
    const path = store.path(digest);
    const found = await readObject(path);
    if (found === 'gone') continue;
    objects++;
    bytes += found.size;
    if (found.digest !== digest)
      problems.push({ kind: 'object-corrupt', digest, path, message: `object ${digest} is corrupt: ${found.says}` });
    onProgress({ objects, bytes });
  }
  return { objects, bytes, problems };
}

async function readObject(
  path: string,
): Promise<'gone' | { readonly digest?: Digest; readonly size: number; readonly says: string }> {
  try {
    const found = await digestFile(path, { followLink: false });
    if (found === undefined) return { size: 0, says: 'it is not a file' };
    return { digest: found.digest, size: found.stats.size, says: 'its bytes have another digest' };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'gone';
    return { size: 0, says: ioProblem(error, 'it cannot be read').message };
  }
}

interface EntryChecks {
  readonly count: number;
  readonly problems: readonly VerifyProblem[];
  readonly sound: ReadonlyMap<string, RunEntry>;
}

async function verifyEntries(
  objects: ObjectStore,
  runs: RunTable,
  corrupt: ReadonlySet<Digest>,
  options: { readonly repair: boolean },
): Promise<EntryChecks> {
  const problems: VerifyProblem[] = [];
  const sound = new Map<string, RunEntry>();
  const pace = new Pace();
  let count = 0;
  for (const name of listRuns(objects.layout)) {
    await pace.breathe();
    const path = objects.layout.run(name.fingerprint, name.result);
    const entry = runs.read(name);
    if (entry === undefined) continue;
    count++;
    if (!entry.ok) {
      problems.push({
        kind: 'entry-corrupt',
        path,
        message: `run entry ${name.fingerprint}/${name.result} is corrupt: ${entry.error}`,
      });
      continue;
    }
    sound.set(`${name.fingerprint}-${name.result}`, entry.value);
    if (options.repair) runs.mark(entry.value);
    const missing = findMissing(objects, entry.value, corrupt);
    const { stage } = entry.value;
    if (missing !== undefined)
      problems.push({
        kind: 'entry-incomplete',
        stage,
        path,
        missing,
        message: `a run of ${stage} cannot be restored: object ${missing} is missing or corrupt`,
      });
  }
  return { count, problems, sound };
}

/** The first object that an entry needs and that is not there with the right size, is corrupt, or is not the manifest it should be. */
function findMissing(objects: ObjectStore, entry: RunEntry, corrupt: ReadonlySet<Digest>): Digest | undefined {
  for (const { content } of entry.outs) {
    if (corrupt.has(content.digest)) return content.digest;
    if (content.kind === 'file') {
      if (!objects.has(content.digest, content.size)) return content.digest;
      continue;
    }
    const manifest = objects.manifest(content.digest);
    if (!manifest.ok) return content.digest;
    for (const file of manifest.value) {
      if (file.kind === 'file' && (corrupt.has(file.digest) || !objects.has(file.digest, file.size)))
        return file.digest;
    }
  }
  return undefined;
}

function verifyMarkers(objects: ObjectStore, sound: ReadonlyMap<string, RunEntry>): readonly VerifyProblem[] {
  const problems: VerifyProblem[] = [];
  for (const marker of listMarkers(objects.layout)) {
    const entry = sound.get(`${marker.fingerprint}-${marker.result}`);
    if (entry !== undefined && encodeName(entry.group) === marker.folder) continue;
    problems.push({
      kind: 'marker-dangling',
      path: marker.path,
      message: `a history names the run ${marker.fingerprint}/${marker.result}, which has no sound entry`,
    });
  }
  return problems;
}
