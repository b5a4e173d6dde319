// Which workspaces use a cache: workspaces/<digest of the real path> holds that path. A gc of a shared cache asks for them, so that what
// their locks reference stays.

import { existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import { digestText } from '../core/digest.ts';
import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import { codeOf } from '../core/result.ts';
import type { Layout } from './layout.ts';
import { listOwn } from './list.ts';

/** Throws system errors. */
export function registerWorkspace(layout: Layout, root: string): void {
  const real = realpathSync.native(root);
  const path = `${layout.folder('workspaces')}/${digestText(real)}`;
  if (existsSync(path)) return;
  writeFileAtomic(path, `${real}\n`, { durable: false, tmp: layout.folder('tmp') });
}

/** Absolute paths of the registered workspaces that still exist. `forget`: removes the registrations of the others. */
export function listWorkspaces(layout: Layout, options: { readonly forget: boolean }): readonly string[] {
  const roots: string[] = [];
  for (const name of listOwn(layout.folder('workspaces'))) {
    const path = `${layout.folder('workspaces')}/${name}`;
    const root = readTextIfExists(path)?.replace(/\n$/, '') ?? '';
    // A text that is not what its name says was not written by a workspace.
    if (digestText(root) === name && isFolder(root)) roots.push(root);
    else if (options.forget) rmSync(path, { recursive: true, force: true });
  }
  return roots;
}

function isFolder(path: string): boolean {
  try {
    return path.startsWith('/') && statSync(path).isDirectory();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    // Of a folder that cannot be looked at, it is not known that it is gone.
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
