// What lies on a remote, as far as it was asked for: each listing is made at most once. A web server cannot be listed: its catalogue
// is read instead.

import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import type { Digest } from '../core/digest.ts';
import { codeOf } from '../core/result.ts';
import { decodeContents, encodeContents } from './contents.ts';
import type { LargeObject, PackedObject } from './contents.ts';
import {
  catalogueKey,
  historyFolder,
  isSha256,
  markerKey,
  markerText,
  parseRunKey,
  parseRunName,
  runFolder,
  runName,
  shaOfKey,
} from './keys.ts';
import type { RunKey, Sha256 } from './keys.ts';
import { decodeIndex } from './pack.ts';
import { inParallel } from './pool.ts';
import { RemoteFault, isKind } from './problem.ts';
import type { Storage } from './storage.ts';

interface CatalogueLine {
  readonly run: RunKey;
  readonly group: string;
}

export class RemoteView {
  readonly #storage: Storage;
  readonly #folder: string | null;
  #fresh: Promise<boolean> | undefined;
  #runs: Promise<ReadonlyMap<string, RunKey>> | undefined;
  #packed: Promise<Map<Digest, PackedObject>> | undefined;
  #blobs: Promise<ReadonlyMap<Sha256, number>> | undefined;
  #catalogue: Promise<readonly CatalogueLine[]> | undefined;

  /** `folder`: where copies of pack indices, and the pieces of large objects, are kept on this machine; null: nowhere. */
  constructor(storage: Storage, folder: string | null) {
    this.#storage = storage;
    this.#folder = folder;
  }

  /** True where nothing was ever pushed. A place of another version is refused. */
  isFresh(): Promise<boolean> {
    return (this.#fresh ??= this.#readMarker());
  }

  async #readMarker(): Promise<boolean> {
    try {
      const text = (await this.#storage.read(markerKey)).toString();
      if (text === markerText) return false;
      throw new RemoteFault(
        'other',
        `${this.#storage.label} has a form that this dagrun does not know`,
        'use the dagrun that pushed there, or another prefix',
      );
    } catch (error) {
      if (isKind(error, 'missing')) return true;
      throw error;
    }
  }

  /** Every run, by name. */
  runs(): Promise<ReadonlyMap<string, RunKey>> {
    return (this.#runs ??= this.#listRuns());
  }

  async #listRuns(): Promise<ReadonlyMap<string, RunKey>> {
    if (await this.isFresh()) return new Map();
    const runs = this.#storage.canList
      ? (await this.#storage.list('runs/')).flatMap(({ key }) => parseRunKey(key) ?? [])
      : (await this.#readCatalogue()).map((line) => line.run);
    return new Map(runs.map((run) => [runName(run), run]));
  }

  /** The runs of a fingerprint. One request where nothing was listed yet. */
  async runsOf(fingerprint: Digest): Promise<readonly RunKey[]> {
    if (await this.isFresh()) return [];
    if (this.#runs !== undefined || !this.#storage.canList)
      return [...(await this.runs()).values()].filter((run) => run.fingerprint === fingerprint);
    return (await this.#storage.list(runFolder(fingerprint))).flatMap(({ key }) => parseRunKey(key) ?? []);
  }

  /** The runs of a group; `group` as the cache encodes it. */
  async history(group: string): Promise<readonly RunKey[]> {
    if (await this.isFresh()) return [];
    const folder = historyFolder(group);
    if (!this.#storage.canList)
      return (await this.#readCatalogue()).filter((line) => line.group === group).map((line) => line.run);
    return (await this.#storage.list(folder)).flatMap(({ key }) => parseRunName(key.slice(folder.length)) ?? []);
  }

  #readCatalogue(): Promise<readonly CatalogueLine[]> {
    return (this.#catalogue ??= this.#loadCatalogue());
  }

  async #loadCatalogue(): Promise<readonly CatalogueLine[]> {
    const text = (await this.#storage.read(catalogueKey)).toString();
    return text.split('\n').flatMap((line) => {
      const [name, group, ...more] = line.split(' ');
      const run = parseRunName(name ?? '');
      return run === undefined || group === undefined || more.length > 0 ? [] : [{ run, group }];
    });
  }

  /** Every small object that lies in a pack. Each index is read once, ever, where there is a folder to keep it in. */
  packed(): Promise<Map<Digest, PackedObject>> {
    return (this.#packed ??= this.#listPacked());
  }

  async #listPacked(): Promise<Map<Digest, PackedObject>> {
    const found = new Map<Digest, PackedObject>();
    if (await this.isFresh()) return found;
    const files = await this.#storage.list('packs/');
    await inParallel(files, this.#storage.jobs, async ({ key }) => {
      const blob = key.slice('packs/'.length);
      if (!isSha256(blob)) return;
      for (const object of await this.#readIndex(key, blob)) found.set(object.digest, object);
    });
    return found;
  }

  /** A damaged index is none: its objects are pushed again. */
  async #readIndex(key: string, blob: Sha256): Promise<readonly PackedObject[]> {
    const path = this.#folder === null ? null : `${this.#folder}/${blob}`;
    const known = path === null ? undefined : readTextIfExists(path);
    const remembered = known === undefined ? undefined : decodeIndex(known, blob);
    if (remembered?.ok === true) return remembered.value;
    try {
      const text = (await this.#storage.read(key)).toString();
      if (path !== null) keepCopy(path, text);
      const index = decodeIndex(text, blob);
      return index.ok ? index.value : [];
    } catch (error) {
      if (isKind(error, 'missing')) return [];
      throw error;
    }
  }

  /** The pieces of a large object that this machine has pushed before, so that it need not be read again. Whether they still lie there is not said. */
  piecesOf(digest: Digest, size: number): LargeObject | undefined {
    const text = this.#folder === null ? undefined : readTextIfExists(piecesFile(this.#folder, digest));
    const known = text === undefined ? undefined : decodeContents(text);
    const object = known?.ok === true ? known.value[0] : undefined;
    return object?.kind === 'large' && object.digest === digest && object.size === size ? object : undefined;
  }

  keepPieces(object: LargeObject): void {
    if (this.#folder !== null) keepCopy(piecesFile(this.#folder, object.digest), encodeContents([object]));
  }

  /** Blobs with their sizes. */
  blobs(): Promise<ReadonlyMap<Sha256, number>> {
    return (this.#blobs ??= this.#listBlobs());
  }

  async #listBlobs(): Promise<ReadonlyMap<Sha256, number>> {
    if (await this.isFresh()) return new Map();
    const files = await this.#storage.list('blobs/');
    return new Map(
      files.flatMap(({ key, size }) => {
        const sha = shaOfKey(key);
        return sha === undefined ? [] : [[sha, size] as const];
      }),
    );
  }
}

function piecesFile(folder: string, digest: Digest): string {
  return `${folder}/large-${digest}`;
}

function keepCopy(path: string, text: string): void {
  try {
    writeFileAtomic(path, text, { durable: false });
  } catch (error) {
    // It is read again next time.
    if (codeOf(error) === undefined) throw error;
  }
}
