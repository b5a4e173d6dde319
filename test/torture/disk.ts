// Files of a workspace, changed by hand.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { codeFiles, sources, writeWorld } from './world.ts';
import type { World } from './world.ts';

/** Writes whatever of the sources is not there, or not what it was in kind. */
export function mendSources(root: string): void {
  for (const path of sources) if (!isFile(join(root, path))) put(root, path, `content of ${path}\n`);
  for (const path of codeFiles) if (!isFile(join(root, path))) put(root, path, '// version 0\n');
  mkdirSync(join(root, 'work'), { recursive: true });
  if (!existsSync(join(root, 'to-file'))) relink(root, 'to-file', 'src/a.txt');
  if (!existsSync(join(root, 'to-folder'))) relink(root, 'to-folder', 'data');
}

/** Writes the pipeline file and parameter files that are not as they have to be. */
export function writeFiles(world: World, root: string): void {
  for (const [path, text] of Object.entries(writeWorld(world))) {
    if (isFile(join(root, path)) && readFileSync(join(root, path), 'utf8') === text) continue;
    put(root, path, text);
  }
}

/** A file in the place of a folder, a folder or a link in the place of a file. */
export function otherKind(root: string, path: string, kind: number, content: number): void {
  const place = join(root, path);
  remove(place);
  mkdirSync(dirname(place), { recursive: true });
  if (kind % 4 === 0) put(root, path, `another ${content % 3}\n`);
  else if (kind % 4 === 1) put(root, `${path}/inside`, `inside ${content % 3}\n`);
  else if (kind % 4 === 2) relink(root, path, content % 2 === 0 ? 'spare' : 'spares');
  else mkdirSync(place);
}

export function relink(root: string, path: string, target: string): void {
  const place = join(root, path);
  remove(place);
  symlinkSync(posix.relative(posix.dirname(path), target), place);
}

export function put(root: string, path: string, text: string): void {
  const place = join(root, path);
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    if (existsSync(join(root, folder)) && !isFolder(join(root, folder))) remove(join(root, folder));
  if (lstatSync(place, { throwIfNoEntry: false })?.isFile() === false) remove(place);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text);
}

/** Regular files at and below a path, in order; links inside are not followed. */
export function filesBelow(path: string): string[] {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isFile()) return [path];
  if (!stat.isDirectory()) return [];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

export function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

export function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
