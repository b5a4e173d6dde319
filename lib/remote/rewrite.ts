// Packs of which little is needed, written anew with what is. First the new pack and its index, then the word where the old one's objects
// are (moves.ts); the old one is removed by who called, afterwards. Stopped at any moment, every object is to be found.

import { digestBytes } from '../core/digest.ts';
import type { PackedObject } from './contents.ts';
import { blobKey, movedKey, packKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import { encodeMove } from './moves.ts';
import { PackBuilder, encodeIndex, sha256 } from './pack.ts';
import { isKind } from './problem.ts';
import type { Storage } from './storage.ts';

export interface SparsePack {
  readonly pack: Sha256;
  readonly size: number;
  /** What is needed of it. */
  readonly objects: readonly PackedObject[];
}

export interface Rewritten {
  /** Old packs that nothing is read from any more. */
  readonly old: readonly Sha256[];
  readonly written: readonly Sha256[];
}

/** A pack that is damaged or gone stays as it is. */
export async function rewritePacks(storage: Storage, packs: readonly SparsePack[]): Promise<Rewritten> {
  const builder = new PackBuilder();
  const written: Sha256[] = [];
  const old: Sha256[] = [];
  let waiting: Sha256[] = [];
  const packed = new Set<Sha256>();
  const flush = async (): Promise<void> => {
    packed.clear();
    const made = builder.finish();
    if (made === undefined) return;
    if (made.bytes.length > 0) await storage.write(blobKey(made.sha), made.bytes);
    await storage.write(packKey(made.sha), Buffer.from(encodeIndex(made.objects)));
    written.push(made.sha);
    for (const pack of waiting) await storage.write(movedKey(pack), Buffer.from(encodeMove([made.sha])));
    old.push(...waiting);
    waiting = [];
  };
  for (const sparse of packs) {
    const parts = await readObjects(storage, sparse);
    if (parts === undefined) continue;
    // What is needed of a pack stays together.
    if (!builder.hasRoom(parts.reduce((sum, { bytes }) => sum + bytes.length, 0))) await flush();
    for (const { object, bytes } of parts) {
      if (!packed.has(object.sha)) builder.add(object.digest, bytes);
      packed.add(object.sha);
    }
    waiting.push(sparse.pack);
  }
  await flush();
  return { old, written };
}

/** Undefined where any of them cannot be had as it was recorded. */
async function readObjects(
  storage: Storage,
  { pack, size, objects }: SparsePack,
): Promise<readonly { readonly object: PackedObject; readonly bytes: Uint8Array }[] | undefined> {
  let whole: Buffer;
  try {
    whole = await storage.read(blobKey(pack), { offset: 0, length: size });
  } catch (error) {
    if (isKind(error, 'missing')) return undefined;
    throw error;
  }
  const sorted = [...objects].sort((a, b) => a.offset - b.offset || (a.digest < b.digest ? -1 : 1));
  const parts = sorted.map((object) => ({
    object,
    bytes: whole.subarray(object.offset, object.offset + object.size),
  }));
  const isSound = parts.every(
    ({ object, bytes }) =>
      bytes.length === object.size && sha256(bytes) === object.sha && digestBytes(bytes) === object.digest,
  );
  return isSound ? parts : undefined;
}
