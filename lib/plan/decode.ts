// Typed decoding of recorded data (lock, run entries): whatever comes from a file is `unknown` until it went through here.
// A decoder returns undefined for anything that dagrun itself could not have written.

import { isDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import { isRepoPath } from '../core/path.ts';
import { partKinds } from './parts.ts';
import type { Fingerprint, FingerprintParts, PartKind } from './parts.ts';
import type { OutRecord } from './record.ts';

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function decodeFingerprint(value: unknown): Fingerprint | undefined {
  return isDigest(value) ? (value as Fingerprint) : undefined;
}

/** A copy without a prototype, so that any key is safe. */
export function decodeTexts(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isRecord(value)) return undefined;
  const texts = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return undefined;
    texts[key] = text;
  }
  return texts;
}

export function decodeParts(value: unknown): FingerprintParts | undefined {
  if (!isRecord(value)) return undefined;
  const parts = Object.create(null) as Partial<Record<PartKind, Readonly<Record<string, string>>>>;
  for (const [kind, section] of Object.entries(value)) {
    const texts = decodeTexts(section);
    if (texts === undefined || !(partKinds as readonly string[]).includes(kind)) return undefined;
    parts[kind as PartKind] = texts;
  }
  return parts;
}

/** The JSON form of what was present at a path. */
export function encodeContent(content: Present): Record<string, unknown> {
  const { kind, digest, size } = content;
  if (kind === 'tree') return { kind, digest, size, files: content.files };
  return content.executable ? { kind, digest, size, executable: true } : { kind, digest, size };
}

export function decodeContent(value: Readonly<Record<string, unknown>>): Present | undefined {
  const { kind, digest, size } = value;
  if (!isDigest(digest) || !isCount(size)) return undefined;
  if (kind === 'tree') return isCount(value['files']) ? { kind, digest, size, files: value['files'] } : undefined;
  const executable = value['executable'] ?? false;
  return kind === 'file' && typeof executable === 'boolean' ? { kind, digest, size, executable } : undefined;
}

export function decodeOut(value: unknown): OutRecord | undefined {
  if (!isRecord(value) || !isRepoPath(value['path'])) return undefined;
  const content = decodeContent(value);
  return content === undefined ? undefined : { path: value['path'], content };
}

/** True where every part of a path of outs is used once only: overlapping outs could not have been recorded. */
export function haveDistinctPaths(outs: readonly OutRecord[]): boolean {
  return new Set(outs.map((out) => out.path)).size === outs.length;
}
