// Makes a path in the workspace hold a recorded content.
// All that has to be written is built and verified in a staging place first, then moved in: a problem with an object changes nothing.
// Symlinks come last, so that nothing is ever written through one of them.

import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { uniqueName } from '../core/disk.ts';
import type { Manifest } from '../core/manifest.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { LinkKind } from '../pipeline/pipeline.ts';
import type { Placement, StoreProblem } from '../plan/ports.ts';
import { compareTree, isLinkTo, isSameFile, wholeTree } from './difference.ts';
import type { Difference } from './difference.ts';
import type { Fence } from './escape.ts';
import type { ObjectStore } from './objects.ts';
import { Pace } from '../core/pace.ts';
import { ioProblem, problem } from './problem.ts';
import { restoreObject } from './restore.ts';
import type { FileContent } from './restore.ts';
import { Staging } from './staging.ts';

/** Told of a file whose bytes were checked when they were written: what they are, and what stat says of it now that it is in its place. */
export type OnVerified = (path: string, digest: Digest, stats: Stats) => void;

interface Checkout {
  readonly objects: ObjectStore;
  readonly fence: Fence;
  readonly link: LinkKind;
  readonly onVerified: OnVerified;
}

/** See ResultCache.checkout. */
export async function checkOut(out: Placement, checkout: Checkout): Promise<Result<void, StoreProblem>> {
  const placed = checkout.fence.place(out.path);
  if (!placed.ok) return placed;
  const target = placed.value;
  try {
    makeParent(target);
    try {
      return await replaceContent(out, target, checkout, { beside: false });
    } catch (error) {
      // Two mounts of one file system: the same device, and yet nothing can be renamed from one to the other.
      if (codeOf(error) !== 'EXDEV') throw error;
      return await replaceContent(out, target, checkout, { beside: true });
    }
  } catch (error) {
    return err(ioProblem(error, `cannot restore "${out.path}"`));
  }
}

/** Asked first: most are there, and making one that is there takes longer. */
function makeParent(target: string): void {
  const parent = dirname(target);
  if (!existsSync(parent)) mkdirSync(parent, { recursive: true });
}

async function replaceContent(
  out: Placement,
  target: string,
  checkout: Checkout,
  options: { readonly beside: boolean },
): Promise<Result<void, StoreProblem>> {
  const { content } = out;
  if (content.kind === 'file' && (await isUnchanged(target, content, checkout))) return ok(undefined);
  const manifest = content.kind === 'tree' ? readManifest(out, target, checkout) : undefined;
  if (manifest?.ok === false) return manifest;
  const staging = Staging.open(checkout.objects.layout, target, options);
  try {
    if (content.kind === 'tree' && manifest !== undefined)
      return await replaceTree(manifest.value, target, staging, checkout);
    if (content.kind === 'file') return await replaceFile(content, target, staging, checkout);
    return ok(undefined);
  } finally {
    staging.close();
  }
}

async function isUnchanged(target: string, content: FileContent, checkout: Checkout): Promise<boolean> {
  const stats = lstatSync(target, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (await isSameFile(target, stats, content)) return true;
  return !content.executable && isLinkTo(target, stats, checkout.objects.path(content.digest), content.digest);
}

async function replaceFile(
  content: FileContent,
  target: string,
  staging: Staging,
  checkout: Checkout,
): Promise<Result<void, StoreProblem>> {
  const restored = await restoreObject(checkout.objects, content, staging.path, checkout.link);
  if (!restored.ok) return restored;
  staging.replace(target, 'file');
  if (restored.value !== undefined) tellVerified(target, content.digest, restored.value, checkout);
  return ok(undefined);
}

/** Unless it was written to since. */
function tellVerified(path: string, digest: Digest, written: Stats, { onVerified }: Checkout): void {
  const now = lstatSync(path, { throwIfNoEntry: false });
  if (now === undefined) return;
  const isSame = now.ino === written.ino && now.dev === written.dev && now.size === written.size;
  if (isSame && now.mtimeMs === written.mtimeMs) onVerified(path, digest, now);
}

function readManifest(out: Placement, target: string, checkout: Checkout): Result<Manifest, StoreProblem> {
  const manifest = checkout.objects.manifest(out.content.digest);
  if (!manifest.ok) return manifest;
  for (const entry of manifest.value) {
    if (entry.kind !== 'link') continue;
    const why = checkout.fence.refuseLink(dirname(`${target}/${entry.path}`), entry.target);
    if (why === undefined) continue;
    checkout.objects.shun(out.content.digest);
    return err(problem('refused', `refusing to restore the symbolic link "${out.path}/${entry.path}": ${why}`));
  }
  return manifest;
}

async function replaceTree(
  manifest: Manifest,
  target: string,
  staging: Staging,
  checkout: Checkout,
): Promise<Result<void, StoreProblem>> {
  const isFolder = lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true;
  const difference = isFolder ? await compareTree(target, manifest) : wholeTree(manifest);
  const staged = await stageFiles(difference, staging.path, checkout);
  if (!staged.ok) return staged;
  if (isFolder) await moveIn(difference, staging.path, target);
  else {
    makeFolders(difference, staging.path);
    for (const link of difference.links) symlinkSync(link.target, `${staging.path}/${link.path}`);
    staging.replace(target, 'folder');
  }
  for (const [file, written] of staged.value) tellVerified(`${target}/${file.path}`, file.digest, written, checkout);
  return ok(undefined);
}

/**
 * Builds the files under `folder`, at the paths that they have in the tree. A symlink in place of one would be another tree (manifests
 * know links), so that there a hard link is the nearest. What stat said of those that were moved here, when they were written.
 */
async function stageFiles(
  difference: Difference,
  folder: string,
  checkout: Checkout,
): Promise<Result<ReadonlyMap<Difference['files'][number], Stats>, StoreProblem>> {
  const pace = new Pace();
  const made = new Set<string>();
  const moved = new Map<Difference['files'][number], Stats>();
  const link = checkout.link === 'symlink' ? 'hardlink' : checkout.link;
  mkdirSync(folder);
  for (const file of difference.files) {
    await pace.breathe();
    const path = `${folder}/${file.path}`;
    const parent = dirname(path);
    if (!made.has(parent)) mkdirSync(parent, { recursive: true });
    made.add(parent);
    const restored = await restoreObject(checkout.objects, file, path, link);
    if (!restored.ok) return restored;
    if (restored.value !== undefined) moved.set(file, restored.value);
  }
  return ok(moved);
}

function makeFolders(difference: Difference, folder: string): void {
  for (const path of difference.folders) mkdirSync(`${folder}/${path}`, { recursive: true });
}

/** Changes an existing folder: removes, makes folders, moves files in, makes links. */
async function moveIn(difference: Difference, staged: string, target: string): Promise<void> {
  const pace = new Pace();
  for (const path of difference.remove) {
    await pace.breathe();
    rmSync(`${target}/${path}`, { recursive: true, force: true });
  }
  makeFolders(difference, target);
  for (const file of difference.files) {
    await pace.breathe();
    renameSync(`${staged}/${file.path}`, `${target}/${file.path}`);
  }
  for (const link of difference.links) {
    const fresh = `${staged}/${uniqueName()}`;
    symlinkSync(link.target, fresh);
    renameSync(fresh, `${target}/${link.path}`);
  }
}
