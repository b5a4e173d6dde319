// Packs that gc has rewritten: where their objects are now. Nothing that names the old pack is changed: contents are fixed by their names and
// may be signed. Whoever does not find a pack looks here, and takes what has the SHA-256 that the contents say.
//
//   dagrun-moved 1
//   <SHA-256 of a pack>
//   …

import type { PackedObject } from './contents.ts';
import { isSha256, movedKey, packKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import { decodeIndex } from './pack.ts';
import { isKind } from './problem.ts';
import type { Storage } from './storage.ts';

const header = 'dagrun-moved 1\n';

export function encodeMove(packs: Iterable<Sha256>): string {
  return header + [...packs].map((sha) => `${sha}\n`).join('');
}

/** Undefined where it is not a list of packs, whole. */
export function decodeMove(text: string): readonly Sha256[] | undefined {
  if (!text.startsWith(header) || !text.endsWith('\n')) return undefined;
  const packs = text.slice(header.length).split('\n').slice(0, -1);
  return packs.every(isSha256) ? packs : undefined;
}

export interface Move {
  /** By the SHA-256 of their bytes. */
  readonly objects: ReadonlyMap<Sha256, PackedObject>;
  /** The packs that are gone on the way there, this one first. */
  readonly gone: readonly Sha256[];
}

/** Where the objects of a pack are that is not there any more. Empty where nobody knows. */
export async function findMove(storage: Storage, pack: Sha256): Promise<Move> {
  const objects = new Map<Sha256, PackedObject>();
  const gone = new Set<Sha256>();
  const follow = [pack];
  for (let next = follow.pop(); next !== undefined; next = follow.pop()) {
    if (gone.has(next)) continue;
    gone.add(next);
    for (const target of decodeMove((await readText(storage, movedKey(next))) ?? '') ?? []) {
      const text = await readText(storage, packKey(target));
      const index = text === undefined ? undefined : decodeIndex(text, target);
      if (index?.ok === true) for (const object of index.value) objects.set(object.sha, object);
      else follow.push(target);
    }
  }
  return { objects, gone: [...gone] };
}

/** What an object of a pack that is gone is now. */
export function movedTo({ objects }: Move, { digest, size, sha }: PackedObject): PackedObject | undefined {
  const found = objects.get(sha);
  return found?.size === size && found.digest === digest ? found : undefined;
}

async function readText(storage: Storage, key: string): Promise<string | undefined> {
  try {
    return (await storage.read(key)).toString();
  } catch (error) {
    if (isKind(error, 'missing')) return undefined;
    throw error;
  }
}
