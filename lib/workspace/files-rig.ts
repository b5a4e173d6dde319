// A temp folder per test, and an oracle for what a folder's digest must be. For tests only.

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { digestBytes, digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { ManifestEntry } from '../core/manifest.ts';
import type { Observation } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import { WorkspaceFiles } from './files.ts';

export class FilesRig {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'dagrun-files-')));
  readonly stateDir = join(this.root, '.dagrun');

  at(path: string): string {
    return join(this.root, path);
  }

  /** As a new process would see the workspace. */
  open(options: { readonly excluded?: readonly string[]; readonly fresh?: boolean } = {}): Promise<WorkspaceFiles> {
    const excluded = (options.excluded ?? []).map((path) => this.at(path));
    const stateDir = options.fresh === true ? join(this.stateDir, 'fresh', String(Math.random())) : this.stateDir;
    return WorkspaceFiles.open({ root: this.root, stateDir, excluded: [this.stateDir, ...excluded] });
  }

  /** What a new process sees, and how many files it read. */
  async look(path: string): Promise<{ seen: Observation; read: number }> {
    const files = await this.open();
    const seen = await files.observe(path);
    files.save();
    return { seen, read: files.filesRead };
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Until what was written by now is out of the racy window. */
export async function settle(): Promise<void> {
  await setTimeout(80);
}

/** The digest of a folder without links that lead out of it, in the plainest way. */
export function plainDigest(folder: string): Digest {
  return digestText(encodeManifest(plainEntries(folder, '')));
}

function plainEntries(folder: string, prefix: string): ManifestEntry[] {
  return readdirSync(join(folder, prefix)).flatMap((name): ManifestEntry[] => {
    const path = (prefix === '' ? name : `${prefix}/${name}`) as RepoPath;
    const place = join(folder, path);
    const stat = lstatSync(place);
    if (stat.isSymbolicLink()) return [{ kind: 'link', path, target: readlinkSync(place), digest: null }];
    if (stat.isDirectory()) {
      const inner = plainEntries(folder, path);
      return inner.length === 0 ? [{ kind: 'folder', path }] : inner;
    }
    const executable = (stat.mode & 0o100) !== 0;
    return [{ kind: 'file', path, digest: digestBytes(readFileSync(place)), size: stat.size, executable }];
  });
}

export function digestOf(seen: Observation): string {
  return 'digest' in seen ? seen.digest : `no digest: ${JSON.stringify(seen)}`;
}

export function reasonOf(seen: Observation): string {
  return seen.kind === 'unreadable' ? seen.reason : `readable: ${JSON.stringify(seen)}`;
}

export function sampleTree(rig: FilesRig): void {
  mkdirSync(rig.at('data/sub/deep'), { recursive: true });
  mkdirSync(rig.at('data/empty'));
  writeFileSync(rig.at('data/a'), 'one');
  writeFileSync(rig.at('data/a.txt'), 'two');
  writeFileSync(rig.at('data/sub/b'), 'three');
  writeFileSync(rig.at('data/sub/deep/ü \n"x"'), 'four');
  writeFileSync(rig.at('data/sub.txt'), 'five');
}
