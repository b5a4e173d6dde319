// Finds the pictures of a folder: `<folder>/<class>/<image>`, or `<folder>/train/<class>/<image>` and `<folder>/test/<class>/<image>`. Reads names only.

import { readdirSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { extname, join } from 'node:path';
import { StageFailure } from '../context/fail.ts';

export interface ListedImage {
  readonly path: string;
  readonly label: number;
}

export interface ListedFolder {
  /** Sorted by name, in code-unit order. */
  readonly classes: readonly string[];
  /** By class, then by name. */
  readonly train: readonly ListedImage[];
  /** Undefined where the folder has no test part of its own. */
  readonly test: readonly ListedImage[] | undefined;
}

const imageTypes = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'];
/** What file managers leave behind; files that begin with a dot are passed over as well. */
const litter = ['thumbs.db', 'desktop.ini'];

/** @throws StageFailure naming everything in the folder that does not fit */
export function listImages(folder: string): ListedFolder {
  const faults: string[] = [];
  const split = hasParts(folder);
  if (split) {
    const others = foldersOf(folder).filter((name) => name !== 'train' && name !== 'test');
    faults.push(...others.map((name) => `"${name}" lies beside train and test: move its images into one of them`));
  }
  const classes = foldersOf(split ? join(folder, 'train') : folder);
  const train = listPart(split ? join(folder, 'train') : folder, classes, faults);
  const test = split ? listPart(join(folder, 'test'), classes, faults) : undefined;
  if (classes.length < 2)
    faults.push(`it has ${classes.length === 0 ? 'no class folder' : `one class folder only ("${classes[0]}")`}: at least 2 are needed`);
  if (classes.length > 65_536) faults.push(`it has ${classes.length} classes: at most 65,536 can be told apart`);
  if (faults.length > 0) throw new StageFailure(`${folder} cannot be used as images by class:\n${bullets(faults)}`);
  return { classes, train, test };
}

/** At most twenty of the faults, one a line. */
export function bullets(faults: readonly string[]): string {
  const shown = faults.slice(0, 20).map((fault) => `  - ${fault}`);
  if (faults.length > shown.length) shown.push(`  … and ${faults.length - shown.length} more`);
  return shown.join('\n');
}

/** True where `train` and `test` are folders of class folders; otherwise these are names of classes. */
function hasParts(folder: string): boolean {
  const names = foldersOf(folder);
  return ['train', 'test'].every((part) => names.includes(part) && foldersOf(join(folder, part)).length > 0);
}

function listPart(folder: string, classes: readonly string[], faults: string[]): readonly ListedImage[] {
  const names = foldersOf(folder);
  faults.push(...names.filter((name) => !classes.includes(name)).map((name) => `"${join(folder, name)}" has no counterpart in train`));
  const strays = entriesOf(folder).filter((entry) => !isFolder(folder, entry) && isImage(entry.name));
  faults.push(...strays.map(({ name }) => `"${join(folder, name)}" lies in no class folder`));
  return classes.flatMap((name, label) => {
    const images = names.includes(name) ? listClass(join(folder, name), faults) : [];
    if (images.length === 0) faults.push(`class "${name}" has no image in ${folder}`);
    return images.map((path) => ({ path, label }));
  });
}

function listClass(folder: string, faults: string[]): readonly string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isFolder(folder, entry)) faults.push(`"${path}" is a folder in a class folder: only images can be there`);
    else if (isImage(entry.name)) return [path];
    else faults.push(`"${path}" is no image that can be read (${imageTypes.join(' ')})`);
    return [];
  });
}

const isImage = (name: string): boolean => imageTypes.includes(extname(name).toLowerCase());

/** Follows symbolic links: a class may lie elsewhere. */
function isFolder(folder: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    readdirSync(join(folder, entry.name));
    return true;
  } catch {
    return false;
  }
}

function foldersOf(folder: string): readonly string[] {
  return entriesOf(folder)
    .filter((entry) => isFolder(folder, entry))
    .map(({ name }) => name);
}

/** What is in a folder, in code-unit order, without what is hidden. */
function entriesOf(folder: string): readonly Dirent[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !litter.includes(name.toLowerCase()))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
