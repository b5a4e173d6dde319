// Removes from a remote what nobody keeps. Knows nothing of scopes: the caller says which runs stay.
//
// Markers and run entries go first, then contents, then pack indices, then blobs: stopped at any moment, no entry that is left has lost
// anything because of it. A push that is under way keeps it from starting (activity.ts), and what is younger than the grace stays all the
// same, since it may be what an interrupted push goes on from. A pack goes when nothing in it is needed any more.

import type { RunEntry } from '../plan/record.ts';
import { register, staleAfter } from './activity.ts';
import type { Registration } from './activity.ts';
import { decodeContents } from './contents.ts';
import { decodeEnvelope } from './envelope.ts';
import { blobKey, contentsKey, packKey, parseRunKey, parseRunName, runKey, runName } from './keys.ts';
import type { RunKey, Sha256 } from './keys.ts';
import type { LocalCache } from './local.ts';
import { sha256 } from './pack.ts';
import { inParallel } from './pool.ts';
import { RemoteFault, isKind } from './problem.ts';
import { writeCatalogue } from './push.ts';
import { readOnlyFault } from './retry.ts';
import type { Storage, StoredFile } from './storage.ts';

/** Milliseconds. */
export const defaultGrace = staleAfter;

export interface RemoteGcOptions {
  /** Called once with all runs that are there; says which of them stay. */
  readonly plan: (entries: readonly RunEntry[]) => (entry: RunEntry) => boolean;
  /** Milliseconds: what is younger stays. */
  readonly grace: number;
  /** Count only; nothing is changed. */
  readonly dry: boolean;
}

export interface RemoteGcReport {
  /** Run entries, damaged ones included. */
  readonly runs: number;
  /** Packs, pieces and lists of contents. */
  readonly files: number;
  readonly bytes: number;
}

interface Listed {
  readonly file: StoredFile;
  readonly run: RunKey;
  /** Null: it cannot be read. */
  readonly entry: RunEntry | null;
  readonly contents: Sha256 | null;
  readonly inline: string | null;
}

/** Throws RemoteFault: where a push is under way, and where anything of what is to stay cannot be read. */
export async function collectRemote(
  storage: Storage,
  local: LocalCache,
  options: RemoteGcOptions,
): Promise<RemoteGcReport> {
  if (storage.readOnly) throw readOnlyFault(storage.label);
  const registration = options.dry ? undefined : await register(storage, 'gc');
  try {
    return await new Collection(storage, local, options, registration).run();
  } finally {
    await registration?.release();
  }
}

class Collection {
  readonly #storage: Storage;
  readonly #local: LocalCache;
  readonly #options: RemoteGcOptions;
  readonly #now: number;
  #bytes = 0;

  constructor(storage: Storage, local: LocalCache, options: RemoteGcOptions, registration: Registration | undefined) {
    this.#storage = storage;
    this.#local = local;
    this.#options = options;
    this.#now = registration?.now ?? Date.now();
  }

  async run(): Promise<RemoteGcReport> {
    const listed = await this.#readRuns();
    const keep = this.#options.plan(listed.flatMap(({ entry }) => entry ?? []));
    const isKept = ({ entry, file }: Listed): boolean => this.#isYoung(file) || (entry !== null && keep(entry));
    const kept = listed.filter(isKept);
    const removed = listed.filter((one) => !isKept(one));
    const needed = await this.#mark(kept);
    const markers = await this.#orphanMarkers(new Set(kept.map(({ run }) => runName(run))));
    await this.#remove(markers);
    await this.#remove(removed.map(({ file }) => file));
    let files = 0;
    for (const folder of ['contents/', 'packs/', 'blobs/']) {
      const unneeded = (await this.#storage.list(folder)).filter(
        (file) => !this.#isYoung(file) && !needed.has(file.key),
      );
      await this.#remove(unneeded);
      files += unneeded.length;
    }
    if (!this.#options.dry && markers.length > 0) await writeCatalogue(this.#storage);
    return { runs: removed.length, files, bytes: this.#bytes };
  }

  #isYoung({ modified }: StoredFile): boolean {
    return modified === null || this.#now - modified < this.#options.grace;
  }

  async #remove(files: readonly StoredFile[]): Promise<void> {
    for (const { size } of files) this.#bytes += size;
    if (!this.#options.dry) await this.#storage.remove(files.map(({ key }) => key));
  }

  async #readRuns(): Promise<readonly Listed[]> {
    const listed: Listed[] = [];
    await inParallel(await this.#storage.list('runs/'), this.#storage.jobs, async (file) => {
      const run = parseRunKey(file.key);
      if (run === undefined) return;
      try {
        // Whether it is signed is no matter here: what stays is decided by what it says, and an unsigned one does no harm.
        const envelope = decodeEnvelope(run, (await this.#storage.read(file.key)).toString(), null);
        const entry = envelope.ok ? this.#local.decodeEntry(envelope.value.entry, run) : envelope;
        const { contents = null, inline = null } = envelope.ok ? envelope.value : {};
        listed.push({ file, run, entry: entry.ok ? entry.value : null, contents, inline });
      } catch (error) {
        if (!isKind(error, 'missing')) throw error;
      }
    });
    return listed;
  }

  /** The keys of everything that the kept runs need. */
  async #mark(kept: readonly Listed[]): Promise<ReadonlySet<string>> {
    const needed = new Set<string>();
    await inParallel(kept, this.#storage.jobs, async ({ run, contents, inline }) => {
      if (contents === null) return;
      if (inline === null) needed.add(contentsKey(contents));
      const text = inline ?? (await this.#readContents(contents));
      const objects = text === undefined ? undefined : decodeContents(text);
      if (objects === undefined) return;
      if (!objects.ok)
        throw new RemoteFault(
          'damaged',
          `${this.#storage.label}: the contents of "${runKey(run)}" cannot be read: ${objects.error}`,
          'push this run again with --force',
        );
      for (const object of objects.value) {
        const blobs = object.kind === 'packed' ? [object.blob] : object.pieces;
        for (const blob of blobs) needed.add(blobKey(blob));
        if (object.kind === 'packed') needed.add(packKey(object.blob));
      }
    });
    return needed;
  }

  /** Undefined where they are gone: the run cannot be had any more, and keeps nothing. */
  async #readContents(contents: Sha256): Promise<string | undefined> {
    try {
      const text = (await this.#storage.read(contentsKey(contents))).toString();
      if (sha256(text) === contents) return text;
    } catch (error) {
      if (isKind(error, 'missing')) return undefined;
      throw error;
    }
    throw new RemoteFault(
      'damaged',
      `${this.#storage.label}: "${contentsKey(contents)}" is damaged`,
      'push the run again with --force; nothing was removed',
    );
  }

  async #orphanMarkers(kept: ReadonlySet<string>): Promise<readonly StoredFile[]> {
    return (await this.#storage.list('history/')).filter((file) => {
      const name = file.key.slice(file.key.lastIndexOf('/') + 1);
      return parseRunName(name) !== undefined && !kept.has(name) && !this.#isYoung(file);
    });
  }
}
