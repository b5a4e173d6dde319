// Paths as a pipeline knows them: POSIX, relative to the workspace root, normalised. Pure text; never touches the disk.

import { posix } from 'node:path';
import { err, ok } from './result.ts';
import type { Branded, Result } from './result.ts';

/** A normalised POSIX path relative to the workspace root, inside it; the root itself is the empty string. */
export type RepoPath = Branded<'RepoPath'>;

/** The workspace root. */
export const rootPath = '' as RepoPath;

/** Where a path written in a pipeline file leads. */
export type PlacedPath =
  | { readonly kind: 'inside'; readonly path: RepoPath }
  /** Outside the workspace: absolute, or relative to the root with leading `..`. */
  | { readonly kind: 'outside'; readonly path: string };

/**
 * Normalises a path as a user wrote it, relative to `wdir`.
 * Windows-style separators become `/`; a drive letter, a NUL byte or an empty path is refused with a message.
 */
export function placePath(raw: string, wdir: RepoPath): Result<PlacedPath, string> {
  if (raw === '') return err('a path cannot be empty');
  if (raw.includes('\0')) return err('a path cannot contain a NUL byte');
  if (/^[A-Za-z]:[\\/]/.test(raw))
    return err('a Windows drive path cannot be used; write it relative to the pipeline file');
  const slashed = raw.replaceAll('\\', '/');
  if (slashed.startsWith('/')) return ok({ kind: 'outside', path: stripSlash(posix.normalize(slashed)) });
  const joined = stripSlash(posix.normalize(posix.join(wdir === '' ? '.' : wdir, slashed)));
  if (joined === '.') return ok({ kind: 'inside', path: rootPath });
  if (joined === '..' || joined.startsWith('../')) return ok({ kind: 'outside', path: joined });
  return ok({ kind: 'inside', path: joined as RepoPath });
}

/** True for a path that is already in the one form that RepoPath has: what came from a cache or a lock is checked with it. */
export function isRepoPath(text: unknown): text is RepoPath {
  return typeof text === 'string' && repoPathPattern.test(text) && !drivePattern.test(text);
}

/** Segments that are neither empty nor `.` nor `..`, with single slashes between them. */
const repoPathPattern = /^(?!\.{1,2}(?:\/|$))[^/\\\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\\\0]+)*$/;
const drivePattern = /^[A-Za-z]:\//;

/** True where `child` is `parent` or lies below it. */
export function isWithin(parent: string, child: string): boolean {
  return parent === '' || child === parent || (child.startsWith(parent) && child.charCodeAt(parent.length) === 47);
}

/** True where one of the two is the other or lies below it. */
export function overlaps(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

export function joinPath(parent: string, child: string): RepoPath {
  return (parent === '' ? child : child === '' ? parent : `${parent}/${child}`) as RepoPath;
}

/** Code-unit order: the one order in which dagrun sorts anything that is hashed. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function stripSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
