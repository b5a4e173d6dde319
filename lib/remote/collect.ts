// Removes from a remote what nobody keeps. Knows nothing of scopes: the caller says which runs stay.
//
// Markers and run entries go first, then contents, then pack indices, then blobs: stopped at any moment, no entry that is left has lost
// anything because of it. A push that is under way keeps it from starting (activity.ts), and what is younger than the grace stays all the
// same, since it may be what an interrupted push goes on from. A pack goes when nothing in it is needed any more; one of which less than half
// is needed is rewritten first (rewrite.ts).

import type { Digest } from '../core/digest.ts';
import type { RunEntry } from '../plan/record.ts';
import { register, staleAfter } from './activity.ts';
import type { Registration } from './activity.ts';
import { decodeContents } from './contents.ts';
import type { PackedObject } from './contents.ts';
import { decodeEnvelope } from './envelope.ts';
import {
  blobKey,
  contentsKey,
  movedKey,
  packKey,
  parseRunKey,
  parseRunName,
  runKey,
  runName,
  shaOfKey,
} from './keys.ts';
import type { RunKey, Sha256 } from './keys.ts';
import type { LocalCache } from './local.ts';
import { findMove, movedTo } from './moves.ts';
import type { Move } from './moves.ts';
import { sha256 } from './pack.ts';
import { inParallel } from './pool.ts';
import { removeLeftovers } from './leftovers.ts';
import { RemoteFault, isKind } from './problem.ts';
import type { RemoteProblem } from './problem.ts';
import { writeCatalogue } from './push.ts';
import { readOnlyFault } from './retry.ts';
import { rewritePacks } from './rewrite.ts';
import type { SparsePack } from './rewrite.ts';
import { pieceSize } from './storage.ts';
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
  /** Packs that were written anew with what is needed of them. */
  readonly rewritten: number;
  /** Parts of files that writers which were killed had left; their bytes count too. */
  readonly leftovers: number;
  /** Why further ones had to stay. */
  readonly problems: readonly RemoteProblem[];
}

/** What is needed of a pack: objects by digest; null where two records of one object contradict each other. */
type Live = Map<Digest, PackedObject | null>;

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
  readonly #live = new Map<Sha256, Live>();
  readonly #moves = new Map<Sha256, Promise<Move>>();

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
    const blobs = await this.#listBlobs();
    const needed = await this.#mark(kept, blobs);
    const markers = await this.#orphanMarkers(new Set(kept.map(({ run }) => runName(run))));
    await this.#remove(markers);
    await this.#remove(removed.map(({ file }) => file));
    const rewritten = await this.#rewrite(blobs, needed);
    let files = 0;
    for (const folder of ['contents/', 'packs/', 'blobs/', 'moved/']) {
      const isUnneeded = (file: StoredFile): boolean => !this.#isYoung(file) && !needed.has(file.key);
      const there = await this.#storage.list(folder);
      const unneeded = there.filter(isUnneeded);
      await this.#remove(unneeded);
      // A pack whose index stays stays: the next push believes the index.
      if (folder === 'packs/')
        for (const file of there) if (!isUnneeded(file)) needed.add(blobKey(file.key.slice(folder.length) as Sha256));
      files += unneeded.length;
    }
    const leftovers = await removeLeftovers(this.#storage, this.#now, this.#options);
    for (const { size } of leftovers.removed) this.#bytes += size;
    if (!this.#options.dry && markers.length > 0) await writeCatalogue(this.#storage);
    return {
      runs: removed.length,
      files,
      bytes: this.#bytes,
      rewritten,
      leftovers: leftovers.removed.length,
      problems: leftovers.problems,
    };
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
  async #mark(kept: readonly Listed[], blobs: ReadonlyMap<Sha256, StoredFile>): Promise<Set<string>> {
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
        if (object.kind === 'packed') await this.#markPacked(object, blobs, needed);
        else for (const piece of object.pieces) needed.add(blobKey(piece));
      }
    });
    return needed;
  }

  async #markPacked(object: PackedObject, blobs: ReadonlyMap<Sha256, StoredFile>, needed: Set<string>): Promise<void> {
    let place = object;
    if (!blobs.has(object.blob) && object.size > 0) {
      const move = await this.#findMove(object.blob);
      for (const pack of move.gone) needed.add(movedKey(pack));
      place = movedTo(move, object) ?? object;
    }
    needed.add(blobKey(place.blob)).add(packKey(place.blob));
    const live: Live = this.#live.get(place.blob) ?? new Map<Digest, PackedObject | null>();
    this.#live.set(place.blob, live);
    const known = live.get(place.digest);
    const isSame =
      known === undefined || (known?.sha === place.sha && known.offset === place.offset && known.size === place.size);
    live.set(place.digest, isSame ? place : null);
  }

  #findMove(pack: Sha256): Promise<Move> {
    let found = this.#moves.get(pack);
    if (found === undefined) this.#moves.set(pack, (found = findMove(this.#storage, pack)));
    return found;
  }

  async #listBlobs(): Promise<ReadonlyMap<Sha256, StoredFile>> {
    const files = await this.#storage.list('blobs/');
    return new Map(
      files.flatMap((file) => {
        const sha = shaOfKey(file.key);
        return sha === undefined ? [] : [[sha, file] as const];
      }),
    );
  }

  /** Packs of which little is needed get written anew, and are not needed any more. How many there are. */
  async #rewrite(blobs: ReadonlyMap<Sha256, StoredFile>, needed: Set<string>): Promise<number> {
    const sparse = this.#findSparse(blobs);
    if (this.#options.dry) {
      for (const { size, objects } of sparse) this.#bytes += size - sizeOf(objects);
      return sparse.length;
    }
    const { old, written } = await rewritePacks(this.#storage, sparse);
    for (const pack of old) {
      needed.delete(blobKey(pack));
      needed.delete(packKey(pack));
      needed.add(movedKey(pack));
    }
    for (const pack of written) needed.add(blobKey(pack)).add(packKey(pack));
    for (const { pack, objects } of sparse) if (old.includes(pack)) this.#bytes -= sizeOf(objects);
    return old.length;
  }

  #findSparse(blobs: ReadonlyMap<Sha256, StoredFile>): readonly SparsePack[] {
    const sparse: SparsePack[] = [];
    for (const [pack, live] of this.#live) {
      const file = blobs.get(pack);
      const objects = [...live.values()].filter((object) => object !== null);
      if (file === undefined || this.#isYoung(file) || objects.length < live.size || file.size > pieceSize) continue;
      if (sizeOf(objects) * 2 < file.size) sparse.push({ pack, size: file.size, objects });
    }
    return sparse.sort((a, b) => (a.pack < b.pack ? -1 : 1));
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

function sizeOf(objects: readonly PackedObject[]): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}
