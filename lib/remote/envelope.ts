// A run entry as it lies on a remote: the text of the entry, the name of its contents, and, where there is a key, a signature of both.
//
//   {"version":1,"contents":"<SHA-256>","inline":"…"|null,"signature":"<HMAC-SHA256>"|null}
//   <the text of the entry>
//
// The contents stand in it where they are short (`inline`), otherwise in a file of their own. The signature covers entry and contents by
// SHA-256, and the contents name every blob by its SHA-256: who has the key vouches for every byte.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { isSha256, runName } from './keys.ts';
import type { RunKey, Sha256 } from './keys.ts';
import { sha256 } from './pack.ts';

/** Contents up to this many characters stand in the envelope itself. */
const longestInline = 32 << 10;

export interface Envelope {
  readonly entry: string;
  readonly contents: Sha256;
  /** Null: in a file of their own. */
  readonly inline: string | null;
}

/** `contents` is the whole text. `key` null: unsigned. */
export function encodeEnvelope(
  run: RunKey,
  entry: string,
  contents: string,
  key: string | null,
): { readonly text: string; readonly envelope: Envelope } {
  const sha = sha256(contents);
  const inline = contents.length <= longestInline ? contents : null;
  const signature = key === null ? null : sign(run, entry, sha, key);
  const head = JSON.stringify({ version: 1, contents: sha, inline, signature });
  return { text: `${head}\n${entry}`, envelope: { entry, contents: sha, inline } };
}

export interface EnvelopeFault {
  /** `unsigned`, `forged`: there is a key, and this is not signed with it. */
  readonly kind: 'damaged' | 'unsigned' | 'forged';
  readonly message: string;
}

/** Where there is a key, nothing but what was signed with it is given back. */
export function decodeEnvelope(run: RunKey, text: string, key: string | null): Result<Envelope, EnvelopeFault> {
  const damaged = (message: string): Result<never, EnvelopeFault> => err({ kind: 'damaged', message });
  const end = text.indexOf('\n');
  const head = end < 0 ? undefined : readHead(text.slice(0, end));
  if (head === undefined) return damaged('it is no run of a remote, or only a part of one');
  const entry = text.slice(end + 1);
  if (head.inline !== null && sha256(head.inline) !== head.contents)
    return damaged('its contents have another checksum');
  if (key !== null) {
    if (head.signature === null) return err({ kind: 'unsigned', message: 'it is not signed' });
    const expected = Buffer.from(sign(run, entry, head.contents, key));
    const given = Buffer.from(head.signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return err({ kind: 'forged', message: 'it was not signed with this key' });
  }
  return ok({ entry, contents: head.contents, inline: head.inline });
}

function sign(run: RunKey, entry: string, contents: Sha256, key: string): string {
  return createHmac('sha256', key)
    .update(`dagrun-run 1\n${runName(run)}\n${sha256(entry)}\n${contents}\n`)
    .digest('hex');
}

function readHead(
  line: string,
): { readonly contents: Sha256; readonly inline: string | null; readonly signature: string | null } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const { version, contents, inline, signature } = value as Record<string, unknown>;
    if (version !== 1 || !isSha256(contents)) return undefined;
    if (inline !== null && typeof inline !== 'string') return undefined;
    if (signature !== null && typeof signature !== 'string') return undefined;
    return { contents, inline, signature };
  } catch {
    return undefined;
  }
}
