import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, utimesSync } from 'node:fs';
import { digestText, loadDigest } from '../core/digest.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { makeEntry, makeTestbed, put } from '../store/testbed.ts';
import type { Testbed } from '../store/testbed.ts';
import { collectRemote } from './collect.ts';
import type { RemoteGcReport } from './collect.ts';
import { FileStorage } from './file-storage.ts';
import type { Piece, Range, Storage, StoredFile } from './storage.ts';
import { RemoteFault } from './problem.ts';
import { Puller } from './pull.ts';
import { Pusher } from './push.ts';

await loadDigest();

let bed: Testbed;
let remote: FileStorage;
beforeEach(() => {
  bed = makeTestbed();
  remote = openRemote('remote');
});
afterEach(() => bed.dispose());

const openRemote = (name: string): FileStorage =>
  new FileStorage(`${bed.base}/${name}`, { label: `remote "${name}"`, jobs: 4 });
const onProgress = (): void => undefined;

/** A run whose out is a folder with the given files, all of 3 KB. */
async function makeRun(name: string, files: Readonly<Record<string, Buffer>>): Promise<RunEntry> {
  for (const [path, bytes] of Object.entries(files)) bed.write(`${name}/${path}`, bytes);
  const entry = makeEntry([await put(bed, name)], { fingerprint: digestText(name) as Fingerprint });
  await bed.store.sharing().record(entry);
  return entry;
}

async function push(storage: Storage, entries: readonly RunEntry[]): Promise<void> {
  const pusher = new Pusher(storage, bed.store.sharing(), { key: null, force: false, folder: null, onProgress });
  await pusher.push(entries);
  await pusher.finish();
}

/** Why a run cannot be had by somebody who has nothing yet; nothing where it can. */
async function pull(storage: Storage, entry: RunEntry): Promise<readonly string[]> {
  const other = makeTestbed();
  try {
    const puller = new Puller(storage, other.store.sharing(), { key: null, onProgress });
    await puller.pull([entry], () => false);
    const contents = entry.outs.map((out) => out.content);
    return other.store.holds(contents) ? [] : puller.report.skipped;
  } finally {
    other.dispose();
  }
}

function collect(storage: Storage, kept: readonly RunEntry[], dry = false): Promise<RemoteGcReport> {
  const names = new Set(kept.map((entry) => entry.fingerprint));
  const plan = () => (entry: RunEntry) => names.has(entry.fingerprint);
  return collectRemote(storage, bed.store.sharing(), { plan, grace: 0, dry });
}

/** Two runs in one pack, of which the second needs two files out of ten. */
async function makeSparse(storage: Storage): Promise<{ large: RunEntry; small: RunEntry }> {
  const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, randomBytes(3000)] as const));
  const large = await makeRun('large', files);
  const small = await makeRun('small', { f0: files['f0']!, f7: files['f7']! });
  await push(storage, [large, small]);
  return { large, small };
}

const bytesBelow = async (storage: Storage, prefix: string): Promise<number> =>
  (await storage.list(prefix)).reduce((sum, { size }) => sum + size, 0);

/** Stops at a change for good: before it, after it, or with half a file written. */
class Stopping implements Storage {
  readonly #inner: Storage;
  readonly #mode: 'before' | 'after' | 'torn';
  #left: number;
  readonly label = 'stopping';
  readonly readOnly = false;
  readonly canList: boolean = true;
  readonly leavesParts = true;
  readonly jobs = 4;

  constructor(inner: Storage, left: number, mode: 'before' | 'after' | 'torn') {
    this.#inner = inner;
    this.#left = left;
    this.#mode = mode;
  }

  list(prefix: string): Promise<readonly StoredFile[]> {
    return this.#inner.list(prefix);
  }

  stat(key: string): Promise<StoredFile | undefined> {
    return this.#inner.stat(key);
  }

  read(key: string, range?: Range): Promise<Buffer> {
    return this.#inner.read(key, range);
  }

  readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    return this.#inner.readPiece(key, length, buffers);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.#change(
      () => this.#inner.write(key, bytes),
      () => this.#inner.write(key, bytes.subarray(0, bytes.length >> 1)),
    );
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#change(() => this.#inner.remove([key]));
  }

  async #change(work: () => Promise<void>, torn = (): Promise<void> => Promise.resolve()): Promise<void> {
    const stop = new RemoteFault('interrupted', 'interrupted');
    if (this.#left-- > 0) return work();
    if (this.#left === -1 && this.#mode === 'after') await work();
    if (this.#left === -1 && this.#mode === 'torn') await torn();
    throw stop;
  }
}

describe('packs of which little is needed', () => {
  it('are written anew, and everything is to be had from then on', async () => {
    const { small } = await makeSparse(remote);
    const before = await bytesBelow(remote, 'blobs/');
    const foreseen = await collect(remote, [small], true);
    expect(foreseen).toMatchObject({ runs: 1, rewritten: 1 });
    expect(await bytesBelow(remote, 'blobs/')).toBe(before);
    const done = await collect(remote, [small]);
    expect(done).toMatchObject({ runs: 1, rewritten: 1 });
    expect(await bytesBelow(remote, 'blobs/')).toBeLessThan(before / 2);
    expect(await pull(remote, small)).toEqual([]);
    // A second time there is nothing to do, and what was moved stays.
    expect(await collect(remote, [small])).toMatchObject({ runs: 0, files: 0, rewritten: 0 });
    expect(await pull(remote, small)).toEqual([]);
  });

  it('may be written anew again and again; what nobody needs leaves no trace', async () => {
    const { small } = await makeSparse(remote);
    const tiny = await makeRun('tiny', { f0: Buffer.from('tiny') });
    await push(remote, [tiny]);
    await collect(remote, [small, tiny]);
    // The files of `small` are in the new pack; another run needs one of them.
    const half = await makeRun('half', { only: readFileSync(bed.at('small/f0')) });
    await push(remote, [half]);
    await collect(remote, [half, tiny]);
    expect(await pull(remote, half)).toEqual([]);
    expect(await pull(remote, tiny)).toEqual([]);
    await collect(remote, []);
    for (const folder of ['blobs/', 'packs/', 'moved/', 'contents/', 'runs/'])
      expect(await remote.list(folder)).toEqual([]);
  });

  it('are found by a pull that has read the old place, also where nothing can be listed', async () => {
    const { small } = await makeSparse(remote);
    class Late extends Stopping {
      #collected = false;
      override readonly canList = false;

      override async read(key: string, range?: Range): Promise<Buffer> {
        if (key.startsWith('blobs/') && !this.#collected) {
          this.#collected = true;
          await collect(remote, [small]);
        }
        return super.read(key, range);
      }
    }
    expect(await pull(new Late(remote, Infinity, 'before'), small)).toEqual([]);
  });

  it('stay where they are damaged', async () => {
    const { small } = await makeSparse(remote);
    const [pack] = await remote.list('blobs/');
    const bytes = await remote.read(pack!.key);
    bytes.fill(0);
    await remote.write(pack!.key, bytes);
    expect(await collect(remote, [small])).toMatchObject({ rewritten: 0 });
    expect((await remote.list('blobs/')).map(({ key }) => key)).toEqual([pack!.key]);
  });

  it.each(['before', 'after', 'torn'] as const)('an interruption %s any change loses nothing', async (mode) => {
    let stops = 0;
    for (let isDone = false; !isDone; stops++) {
      const storage = openRemote(`remote-${stops}`);
      const { small } = await makeSparse(storage);
      try {
        await collect(new Stopping(storage, stops, mode), [small]);
        isDone = true;
      } catch (error) {
        if (!(error instanceof RemoteFault)) throw error;
      }
      expect(await pull(storage, small)).toEqual([]);
      rmSync(`${bed.base}/remote-${stops}/active`, { recursive: true, force: true });
      await collect(storage, [small]);
      expect(await pull(storage, small)).toEqual([]);
      expect(await bytesBelow(storage, 'blobs/')).toBeLessThan(15_000);
      // Who pushes the other run again is not led astray by what was left.
      await push(storage, [small]);
      expect(await pull(storage, small)).toEqual([]);
    }
    expect(stops).toBeGreaterThan(8);
  });
});

describe('the index of a pack', () => {
  it('never outlives its pack, also where it is younger', async () => {
    const run = await makeRun('run', { f0: randomBytes(3000) });
    await push(remote, [run]);
    for (const { key } of [...(await remote.list('runs/')), ...(await remote.list('history/'))])
      await remote.remove([key]);
    const old = new Date(Date.now() - 7_200_000);
    for (const { key } of await remote.list('blobs/')) utimesSync(`${bed.base}/remote/${key}`, old, old);
    const plan = () => () => false;
    await collectRemote(remote, bed.store.sharing(), { plan, grace: 3_600_000, dry: false });
    await push(remote, [run]);
    expect(await pull(remote, run)).toEqual([]);
  });
});
