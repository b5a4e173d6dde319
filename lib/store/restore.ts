// One object out of the store into a new file, verified on the way. Knows nothing of what stands at the final place.

import { chmodSync, closeSync, constants, linkSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { LinkKind } from '../pipeline/pipeline.ts';
import type { StoreProblem } from '../plan/ports.ts';
import { copyFileAsync, copyOpen, digestFile, openRegular, readWhole, smallSize, writeWhole } from './bytes.ts';
import type { OpenFile } from './bytes.ts';
import type { ObjectStore } from './objects.ts';

export interface FileContent {
  readonly digest: Digest;
  readonly size: number;
  readonly executable: boolean;
}

/** What stat said of a file that was moved here when its last byte was written; undefined where it was made just now. */
type Restored = Result<Stats | undefined, StoreProblem>;

/**
 * Makes a new file at `target`, whose folder exists. An executable file is always a copy: objects carry no executable bit.
 * On a problem nothing is left at `target`. Errors of the target's file system are thrown.
 */
export async function restoreObject(
  objects: ObjectStore,
  file: FileContent,
  target: string,
  link: LinkKind,
): Promise<Restored> {
  const shares = link === 'hardlink' || link === 'symlink';
  if (shares && !file.executable) {
    const shared = await shareObject(objects, file, target, link);
    if (shared !== undefined) return shared;
  }
  const source = openObject(objects, file);
  if (!source.ok) return source;
  try {
    const moved = moveSpare(objects, file, target);
    if (moved !== undefined) return ok(moved);
    const digest =
      (await copyChecked(objects, file, target, link)) ??
      (link === 'reflink' ? await cloneObject(objects, file, source.value, target) : undefined) ??
      (await copyObject(source.value, target, file));
    if (digest === file.digest) return ok(undefined);
    rmSync(target, { force: true });
    return err(objects.discard(file.digest, 'its bytes have another digest'));
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  } finally {
    closeSync(source.value.descriptor);
  }
}

function openObject(objects: ObjectStore, file: FileContent): Result<OpenFile, StoreProblem> {
  try {
    const source = openRegular(objects.path(file.digest), { followLink: false });
    return source === undefined ? err(objects.discard(file.digest, 'it is not a file')) : ok(source);
  } catch (error) {
    return err(objects.readProblem(error, file.digest));
  }
}

/** The digest of the clone; undefined where the file system makes none, and nothing is there. */
async function cloneObject(
  objects: ObjectStore,
  file: FileContent,
  source: OpenFile,
  target: string,
): Promise<Digest | undefined> {
  if (!(await objects.cloner.clone(objects.path(file.digest), target, source.stats.dev))) return undefined;
  chmodSync(target, file.executable ? 0o755 : 0o644);
  return (await digestFile(target, { followLink: false }))?.digest;
}

/** Where a copy was made while the object came; undefined where there is none. */
function moveSpare(objects: ObjectStore, file: FileContent, target: string): Stats | undefined {
  const spare = objects.incoming.takeSpare(file.digest);
  if (spare === undefined) return undefined;
  try {
    renameSync(spare.path, target);
  } catch (error) {
    rmSync(spare.path, { force: true });
    if (codeOf(error) === 'EXDEV') return undefined;
    throw error;
  }
  chmodSync(target, file.executable ? 0o755 : 0o644);
  return spare.stats;
}

/** By the kernel alone, where the object was checked before and is what it was, also after that; otherwise undefined and nothing is there. */
async function copyChecked(
  objects: ObjectStore,
  file: FileContent,
  target: string,
  link: LinkKind,
): Promise<Digest | undefined> {
  if (!objects.isAsChecked(file.digest)) return undefined;
  const mode = link === 'reflink' ? constants.COPYFILE_FICLONE : 0;
  await copyFileAsync(objects.path(file.digest), target, mode | constants.COPYFILE_EXCL);
  if (objects.isAsChecked(file.digest)) {
    chmodSync(target, file.executable ? 0o755 : 0o644);
    return file.digest;
  }
  rmSync(target);
  return undefined;
}

/** The digest of the bytes that were written; a small object with wrong bytes is not written at all. */
async function copyObject(source: OpenFile, target: string, file: FileContent): Promise<Digest> {
  const bytes = source.stats.size <= smallSize ? readWhole(source.descriptor, source.stats.size) : undefined;
  const digest = bytes === undefined ? undefined : digestBytes(bytes);
  if (digest !== undefined && digest !== file.digest) return digest;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const descriptor = openSync(target, flags, file.executable ? 0o755 : 0o644);
  try {
    if (bytes === undefined || digest === undefined) return await copyOpen(source, descriptor);
    writeWhole(descriptor, bytes);
    return digest;
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined where the file system cannot link and a copy has to be made. */
async function shareObject(
  objects: ObjectStore,
  file: FileContent,
  target: string,
  link: LinkKind,
): Promise<Restored | undefined> {
  const verified = await objects.vouch(file.digest);
  if (!verified.ok) return verified;
  // Through a writable one the cache could be edited by accident.
  if ((verified.value.mode & 0o222) !== 0) objects.protect(file.digest);
  try {
    if (link === 'hardlink') linkSync(objects.path(file.digest), target);
    else symlinkSync(objects.path(file.digest), target);
    return ok(undefined);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EXDEV' || code === 'EPERM' || code === 'EMLINK' || code === 'ENOTSUP' || code === 'EACCES')
      return undefined;
    throw error;
  }
}
