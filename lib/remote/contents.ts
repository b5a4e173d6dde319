// The contents of a run: every object that its outs need, and where on the remote its bytes lie. A text under its own SHA-256, so that
// who trusts the name (it is signed, where entries are) can trust every byte below it.
//
//   dagrun-contents 1
//   p <digest> <size> <SHA-256 of the object> <blob> <offset>     a small object in a pack
//   l <digest> <size> <blob>,<blob>,…                             a large one in pieces of pieceSize bytes, the last one shorter
//
// Sorted by digest, each once. It comes from strangers: decodeContents accepts only what encodeContents writes.

import { isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { compareText } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { isSha256 } from './keys.ts';
import type { Sha256 } from './keys.ts';
import { pieceSize } from './storage.ts';

export interface PackedObject {
  readonly kind: 'packed';
  readonly digest: Digest;
  readonly size: number;
  readonly sha: Sha256;
  readonly blob: Sha256;
  readonly offset: number;
}

export interface LargeObject {
  readonly kind: 'large';
  readonly digest: Digest;
  readonly size: number;
  readonly pieces: readonly Sha256[];
}

export type Located = PackedObject | LargeObject;

const header = 'dagrun-contents 1\n';

export function encodeContents(objects: Iterable<Located>): string {
  const sorted = [...objects].sort((a, b) => compareText(a.digest, b.digest));
  return header + sorted.map(encodeLine).join('');
}

function encodeLine(object: Located): string {
  const { digest, size } = object;
  return object.kind === 'packed'
    ? `p ${digest} ${size} ${object.sha} ${object.blob} ${object.offset}\n`
    : `l ${digest} ${size} ${object.pieces.join(',')}\n`;
}

/** The error says what is wrong, in a few words. */
export function decodeContents(text: string): Result<readonly Located[], string> {
  if (!text.startsWith(header) || !text.endsWith('\n')) return err('it is no list of contents, or only a part of one');
  const objects: Located[] = [];
  const lines = text.slice(header.length, -1);
  if (lines === '') return ok([]);
  for (const [index, line] of lines.split('\n').entries()) {
    const object = decodeLine(line.split(' '));
    if (object === undefined) return err(`line ${index + 2} is malformed`);
    const before = objects.at(-1);
    if (before !== undefined && compareText(before.digest, object.digest) >= 0)
      return err(`line ${index + 2} is out of order`);
    objects.push(object);
  }
  return ok(objects);
}

function decodeLine([kind, digest, sizeText, ...rest]: readonly string[]): Located | undefined {
  const size = readCount(sizeText);
  if (!isDigest(digest) || size === undefined) return undefined;
  if (kind === 'p' && rest.length === 3) {
    const [sha, blob, offsetText] = rest;
    const offset = readCount(offsetText);
    if (!isSha256(sha) || !isSha256(blob) || offset === undefined || offset + size > pieceSize) return undefined;
    return { kind: 'packed', digest, size, sha, blob, offset };
  }
  if (kind !== 'l' || rest.length !== 1) return undefined;
  const pieces = rest[0]!.split(',');
  if (!pieces.every(isSha256) || pieces.length !== Math.ceil(size / pieceSize)) return undefined;
  return { kind: 'large', digest, size, pieces };
}

export function readCount(text: string | undefined): number | undefined {
  return text !== undefined && /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}

/** Where a piece of a large object lies in it. */
export function pieceRange(object: Pick<LargeObject, 'size'>, index: number): { offset: number; length: number } {
  const offset = index * pieceSize;
  return { offset, length: Math.min(pieceSize, object.size - offset) };
}
