// Pulling runs into the cache: the entry is read and checked, then what its contents name and the cache lacks is downloaded and checked,
// then the entry is recorded. Stopped at any moment, every run entry in the cache has its objects.

import type { Digest } from '../core/digest.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { RunEntry } from '../plan/record.ts';
import { closureOf } from './closure.ts';
import { decodeContents } from './contents.ts';
import type { Located } from './contents.ts';
import { Downloader } from './download.ts';
import { decodeEnvelope } from './envelope.ts';
import type { Envelope } from './envelope.ts';
import { contentsKey, runKey, runName } from './keys.ts';
import type { RunKey } from './keys.ts';
import type { LocalCache } from './local.ts';
import { sha256 } from './pack.ts';
import { inParallel } from './pool.ts';
import { isKind } from './problem.ts';
import { Progress } from './progress.ts';
import type { OnProgress, TransferReport } from './progress.ts';
import type { Storage } from './storage.ts';

export interface PullOptions {
  /** Only what was signed with this key counts; null: everything does. */
  readonly key: string | null;
  readonly onProgress: OnProgress;
}

const batchRuns = 500;

interface Found {
  readonly run: RunKey;
  readonly entry: RunEntry;
  /** All that its outs need, as far as the remote says; null: they are here. */
  readonly objects: readonly Located[] | null;
}

/** One pull, or the many small ones of a run. Throws RemoteFault where the remote itself is in trouble; a run that cannot be had is skipped. */
export class Puller {
  readonly #storage: Storage;
  readonly #local: LocalCache;
  readonly #key: string | null;
  readonly #progress: Progress;
  readonly #downloader: Downloader;
  /** What was told of runs that were left out. */
  readonly #told = new Set<string>();

  constructor(storage: Storage, local: LocalCache, options: PullOptions) {
    this.#storage = storage;
    this.#local = local;
    this.#key = options.key;
    this.#progress = new Progress('pulling', options.onProgress);
    this.#downloader = new Downloader(storage, local, this.#progress);
  }

  get report(): TransferReport {
    return this.#progress.report();
  }

  /** Whether any of the runs is in the cache now because of this. `isCopiedSoon`: the workspace gets copies of what the run has made. */
  async pull(runs: readonly RunKey[], isCopiedSoon: (run: RunKey) => boolean): Promise<boolean> {
    const before = this.#progress.runsDone;
    this.#progress.runs += runs.length;
    for (let start = 0; start < runs.length; start += batchRuns)
      await this.#pullBatch(runs.slice(start, start + batchRuns), isCopiedSoon);
    return this.#progress.runsDone > before;
  }

  async #pullBatch(runs: readonly RunKey[], isCopiedSoon: (run: RunKey) => boolean): Promise<void> {
    const found: Found[] = [];
    await inParallel(runs, this.#storage.jobs, async (run) => {
      const one = await this.#find(run);
      if (one !== undefined) found.push(one);
    });
    const needs = new Map<Digest, Located>();
    const copied = new Set<Digest>();
    for (const { run, objects } of found) {
      const isCopied = isCopiedSoon(run);
      for (const object of objects ?? []) {
        if (this.#local.has(object.digest, object.size)) continue;
        needs.set(object.digest, object);
        if (isCopied) copied.add(object.digest);
      }
    }
    const lost = await this.#downloader.download([...needs.values()], copied);
    for (const one of found) await this.#record(one, lost);
  }

  async #record({ run, entry, objects }: Found, lost: ReadonlyMap<Digest, string>): Promise<void> {
    const gone = objects?.find(({ digest }) => lost.has(digest));
    if (gone !== undefined) {
      this.#skip(run, lost.get(gone.digest)!, entry.stage);
      return;
    }
    if (objects !== null && !this.#isWhole(entry, objects)) {
      this.#skip(run, 'its contents are not all that its outs need', entry.stage);
      return;
    }
    await this.#local.record(entry);
    this.#progress.runsDone++;
    this.#progress.show();
  }

  /** True where these, which are all in the cache now, are what its outs need. */
  #isWhole(entry: RunEntry, objects: readonly Located[]): boolean {
    const needs = closureOf(this.#local, entry);
    if (!needs.ok) return false;
    const sizes = new Map(objects.map(({ digest, size }) => [digest, size]));
    return [...needs.value.values()].every(({ digest, size }) => sizes.get(digest) === size);
  }

  /** Undefined where it cannot be had; then the report says why. */
  async #find(run: RunKey): Promise<Found | undefined> {
    const found = await this.#read(run);
    if (found.ok) return found.value;
    this.#skip(run, found.error.why, found.error.stage);
    return undefined;
  }

  async #read(run: RunKey): Promise<Result<Found, { readonly why: string; readonly stage?: string }>> {
    let text: string;
    try {
      text = (await this.#storage.read(runKey(run))).toString();
    } catch (error) {
      if (!isKind(error, 'missing')) throw error;
      return err({ why: 'it is not there any more' });
    }
    const envelope = decodeEnvelope(run, text, this.#key);
    if (!envelope.ok) return err({ why: envelope.error.message });
    const decoded = this.#local.decodeEntry(envelope.value.entry, run);
    if (!decoded.ok) return err({ why: decoded.error });
    const entry = decoded.value;
    if (this.#local.holds(entry.outs.map((out) => out.content))) return ok({ run, entry, objects: null });
    const contents = await this.#contents(envelope.value);
    const objects =
      contents === undefined ? err('the list of its contents is missing or damaged') : decodeContents(contents);
    return objects.ok ? ok({ run, entry, objects: objects.value }) : err({ why: objects.error, stage: entry.stage });
  }

  /** Undefined where they are gone or stay damaged when read again. */
  async #contents({ contents, inline }: Envelope): Promise<string | undefined> {
    if (inline !== null) return inline;
    for (let attempt = 1; attempt <= 3; attempt++) {
      try {
        const text = (await this.#storage.read(contentsKey(contents))).toString();
        if (sha256(text) === contents) return text;
      } catch (error) {
        if (!isKind(error, 'missing')) throw error;
        return undefined;
      }
    }
    return undefined;
  }

  #skip(run: RunKey, why: string, stage?: string): void {
    const of = stage === undefined ? '' : ` of ${stage}`;
    const message = `the run ${runName(run).slice(0, 12)}…${of} on ${this.#storage.label}: ${why}`;
    if (!this.#told.has(message)) this.#progress.skipped.push(message);
    this.#told.add(message);
  }
}
