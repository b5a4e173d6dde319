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

export function decodeParts(value: unknown): FingerprintParts | undefined {
  if (!isRecord(value)) return undefined;
  const parts: Partial<Record<PartKind, Readonly<Record<string, string>>>> = {};
  for (const kind of Object.keys(value)) {
    const section = value[kind];
    if (!(partKinds as readonly string[]).includes(kind) || !isRecord(section)) return undefined;
    for (const key in section) if (typeof section[key] !== 'string') return undefined;
    parts[kind as PartKind] = section as Readonly<Record<string, string>>;
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
