// A segment of the stat index as bytes: the rows of single files, and the records of folders.
//
//   "dagrunix" | version, u32 | length of the directory, u32 | digest of all that follows and of the 8 bytes before, 16 bytes
//   | the parts (segment-parts.ts)
//
// A segment from a machine with another byte order is simply refused.

import { DigestStream } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { packSegment, unpackSegment } from './segment-parts.ts';
import type { Segment } from './segment-parts.ts';

const magic = Buffer.from('dagrunix');
const version = 1;
const headerLength = 32;
const chunk = 1 << 20;

export function encodeSegment(segment: Segment): Uint8Array {
  const { buffer, directory } = packSegment(segment, headerLength);
  const bytes = Buffer.from(buffer);
  magic.copy(bytes);
  new Uint32Array(buffer, 8, 2).set([version, directory]);
  bytes.write(checksum(bytes), 16, 'hex');
  return bytes;
}

/** Undefined for anything but what encodeSegment wrote. Columns and records are views of the bytes. */
export function decodeSegment(buffer: ArrayBufferLike): Segment | undefined {
  try {
    const bytes = Buffer.from(buffer);
    if (bytes.length < headerLength || !bytes.subarray(0, 8).equals(magic)) return undefined;
    const [found, length] = new Uint32Array(buffer, 8, 2);
    if (found !== version || bytes.toString('hex', 16, 32) !== checksum(bytes)) return undefined;
    return unpackSegment(buffer, headerLength, length!)?.segment;
  } catch {
    return undefined;
  }
}

function checksum(bytes: Uint8Array): Digest {
  const stream = new DigestStream().update(bytes.subarray(8, 16));
  for (let at = headerLength; at < bytes.length; at += chunk) stream.update(bytes.subarray(at, at + chunk));
  return stream.digest();
}
