// Pushing runs: what is missing on the remote is uploaded, bytes first, then their indices and contents, then run entries, then the markers
// of the history. Stopped at any moment, every run entry there is complete; what else lies there is found and used by the next push.

import {
  catalogueKey,
  contentsKey,
  historyFolder,
  markerKey,
  markerText,
  parseRunName,
  runKey,
  runName,
} from './keys.ts';
import type { RunEntry } from '../plan/record.ts';
import type { Digest } from '../core/digest.ts';
import { register } from './activity.ts';
import type { Registration } from './activity.ts';
import { closureOf } from './closure.ts';
import type { Needed } from './closure.ts';
import { encodeContents } from './contents.ts';
import type { Located } from './contents.ts';
import { encodeEnvelope } from './envelope.ts';
import type { LocalCache } from './local.ts';
import { removeLeftovers } from './leftovers.ts';
import { inParallel } from './pool.ts';
import { caught } from './problem.ts';
import { Progress } from './progress.ts';
import type { OnProgress, TransferReport } from './progress.ts';
import { readOnlyFault } from './retry.ts';
import type { Storage } from './storage.ts';
import { Uploader } from './upload.ts';
import { RemoteView } from './view.ts';

export interface PushOptions {
  /** The key that entries are signed with; null: they are not. */
  readonly key: string | null;
  /** Upload what is there already once more: heals what was damaged there, and signs what was not. */
  readonly force: boolean;
  /** Where copies of pack indices, and the pieces of large objects, are kept on this machine; null: nowhere. */
  readonly folder: string | null;
  readonly onProgress: OnProgress;
  /** What the registration of the push can be known by. */
  readonly owner?: string;
}

/** Runs are finished together up to so many bytes: what an interruption leaves undone is at most that, bytes that are there aside. */
const batchBytes = 256 << 20;
const batchRuns = 1000;

interface Planned {
  readonly entry: RunEntry;
  readonly needs: ReadonlyMap<Digest, Needed>;
}

/** One push, or the many small ones of a run. Call finish() at the end, whatever happened. Throws RemoteFault. */
export class Pusher {
  readonly #storage: Storage;
  readonly #local: LocalCache;
  readonly #options: PushOptions;
  readonly #view: RemoteView;
  readonly #progress: Progress;
  readonly #uploader: Uploader;
  readonly #done = new Set<string>();
  #registration: Promise<Registration> | undefined;

  constructor(storage: Storage, local: LocalCache, options: PushOptions) {
    this.#storage = storage;
    this.#local = local;
    this.#options = options;
    this.#view = new RemoteView(storage, options.folder);
    this.#progress = new Progress('pushing', options.onProgress);
    this.#uploader = new Uploader(storage, local, { view: this.#view, force: options.force, progress: this.#progress });
  }

  get report(): TransferReport {
    return this.#progress.report();
  }

  async push(entries: readonly RunEntry[]): Promise<void> {
    const missing = await this.#missing(entries);
    if (missing.length === 0) return;
    await (this.#registration ??= this.#begin());
    this.#progress.runs += missing.length;
    let batch: Planned[] = [];
    let bytes = 0;
    for (const entry of missing) {
      const needs = closureOf(this.#local, entry);
      if (!needs.ok) {
        this.#skip(entry, needs.error);
        continue;
      }
      batch.push({ entry, needs: needs.value });
      for (const need of needs.value.values()) bytes += need.size;
      if (bytes < batchBytes && batch.length < batchRuns) continue;
      await this.#pushBatch(batch);
      batch = [];
      bytes = 0;
    }
    await this.#pushBatch(batch);
  }

  /** Those that the remote does not have. */
  async #missing(entries: readonly RunEntry[]): Promise<readonly RunEntry[]> {
    if (this.#storage.readOnly) throw readOnlyFault(this.#storage.label);
    const there = this.#options.force ? new Map<string, unknown>() : await this.#view.runs();
    const missing = entries.filter((entry) => !this.#done.has(runName(entry)) && !there.has(runName(entry)));
    this.#progress.known += entries.length - missing.length;
    return missing;
  }

  async #begin(): Promise<Registration> {
    if (await this.#view.isFresh()) await this.#storage.write(markerKey, Buffer.from(markerText));
    return register(this.#storage, 'push', this.#options.owner);
  }

  #skip(entry: RunEntry, why: string): void {
    this.#progress.skipped.push(`the run ${runName(entry).slice(0, 12)}… of ${entry.stage}: ${why}`);
  }

  /** Nothing is sent of a run that lacks something. */
  async #pushBatch(batch: readonly Planned[]): Promise<void> {
    const absent = await this.#uploader.locate(unionOf(batch).values());
    const lost = new Set(
      absent.filter(({ digest, size }) => !this.#local.has(digest, size)).map(({ digest }) => digest),
    );
    const whole = lost.size === 0 ? batch : batch.filter((planned) => !this.#lacks(planned, lost));
    const wanted = unionOf(whole);
    await this.#uploader.send(absent.filter(({ digest }) => wanted.has(digest)));
    await inParallel(whole, this.#storage.jobs, (planned) => this.#pushEntry(planned));
  }

  #lacks({ entry, needs }: Planned, lost: ReadonlySet<Digest>): boolean {
    const first = [...needs.keys()].find((digest) => lost.has(digest));
    if (first !== undefined) this.#skip(entry, `object ${first} is not in the cache`);
    return first !== undefined;
  }

  async #pushEntry({ entry, needs }: Planned): Promise<void> {
    const objects: Located[] = [];
    for (const digest of needs.keys()) {
      const object = this.#uploader.located.get(digest);
      if (object === undefined) {
        this.#skip(entry, `object ${digest} in the cache is damaged or gone`);
        return;
      }
      objects.push(object);
    }
    const contents = encodeContents(objects);
    const { text, envelope } = encodeEnvelope(entry, this.#local.encodeEntry(entry), contents, this.#options.key);
    if (envelope.inline === null) await this.#storage.write(contentsKey(envelope.contents), Buffer.from(contents));
    await this.#storage.write(runKey(entry), Buffer.from(text));
    const marker = historyFolder(this.#local.encodeName(entry.group)) + runName(entry);
    // Nothing is ever read of it but its name.
    await this.#storage.write(marker, Buffer.from('\n'), { durable: false });
    this.#done.add(runName(entry));
    this.#progress.runsDone++;
    this.#progress.show();
  }

  /** Writes the catalogue where something was pushed, removes what killed pushes left, and gives up the registration. */
  async finish(): Promise<void> {
    const begun = this.#registration;
    if (begun === undefined) return;
    this.#registration = undefined;
    let registration: Registration;
    try {
      registration = await begun;
    } catch {
      // push() has thrown it already.
      return;
    }
    try {
      if (this.#done.size === 0) return;
      await writeCatalogue(this.#storage);
      await caught(() => removeLeftovers(this.#storage, registration.now, { dry: false }));
    } finally {
      await registration.release();
    }
  }
}

function unionOf(batch: readonly Planned[]): ReadonlyMap<Digest, Needed> {
  if (batch.length === 1) return batch[0]!.needs;
  return new Map(batch.flatMap(({ needs }) => [...needs]));
}

/** From the markers that are there now. Of two pushes that end at the same time the last one may miss a run of the other, until the next push. */
export async function writeCatalogue(storage: Storage): Promise<void> {
  const lines = (await storage.list('history/')).flatMap(({ key }) => {
    const [, group, name, ...more] = key.split('/');
    // Older pushes wrote a file beside its place first, and may have left it there.
    const isMarker = group !== undefined && parseRunName(name ?? '') !== undefined && more.length === 0;
    return isMarker ? [`${name} ${group}\n`] : [];
  });
  await storage.write(catalogueKey, Buffer.from(lines.sort().join('')));
}
