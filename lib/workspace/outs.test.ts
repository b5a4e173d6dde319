import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDigest } from '../core/digest.ts';
import type { RepoPath } from '../core/path.ts';
import { FilesRig } from './files-rig.ts';
import { WorkspaceOuts } from './outs.ts';

let rig: FilesRig;
let outs: WorkspaceOuts;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
  outs = new WorkspaceOuts({ root: rig.root, cacheDir: rig.at('cache') });
  mkdirSync(rig.at('cache'));
  writeFileSync(rig.at('cache/object'), 'precious', { mode: 0o444 });
  writeFileSync(rig.at('cache/program'), 'precious', { mode: 0o555 });
});
afterEach(() => rig.close());

const clear = (path: string): void => outs.clear({ path: path as RepoPath, persist: false });
const keep = (path: string): void => outs.clear({ path: path as RepoPath, persist: true });

describe('an out before its stage runs', () => {
  it('is removed: a file, a folder, nothing', () => {
    mkdirSync(rig.at('d/e'), { recursive: true });
    writeFileSync(rig.at('d/e/f'), '');
    writeFileSync(rig.at('f'), '', { mode: 0o444 });
    writeFileSync(rig.at('file'), '');
    for (const path of ['d', 'f', 'none', 'none/deeper', 'file/deeper']) {
      clear(path);
      expect(existsSync(rig.at(path))).toBe(false);
    }
  });

  it('that is a link, or holds links, takes nothing else with it', () => {
    mkdirSync(rig.at('elsewhere'));
    writeFileSync(rig.at('elsewhere/f'), 'kept');
    symlinkSync('elsewhere', rig.at('link'));
    mkdirSync(rig.at('d'));
    symlinkSync('../elsewhere', rig.at('d/link'));
    symlinkSync('../cache/object', rig.at('d/object'));
    clear('link');
    clear('d');
    expect(readdirSync(rig.root).sort()).toEqual(['cache', 'elsewhere']);
    expect(readFileSync(rig.at('elsewhere/f'), 'utf8')).toBe('kept');
    expect(existsSync(rig.at('cache/object'))).toBe(true);
  });

  it('is removed with its read-only folders', () => {
    mkdirSync(rig.at('d/e/g'), { recursive: true });
    writeFileSync(rig.at('d/e/g/f'), '', { mode: 0o444 });
    for (const folder of ['d/e/g', 'd/e', 'd']) chmodSync(rig.at(folder), 0o555);
    const asOther = process.geteuid!() === 0;
    if (asOther) {
      execFileSync('chown', ['-R', '65534', rig.root]);
      process.seteuid!(65534);
    }
    try {
      clear('d');
    } finally {
      if (asOther) process.seteuid!(0);
    }
    expect(existsSync(rig.at('d'))).toBe(false);
  });

  it('is never the workspace itself', () => {
    expect(() => clear('')).toThrow('the workspace itself');
    expect(existsSync(rig.root)).toBe(true);
  });

  it('gets its parent folder', () => {
    outs.makeParent('a/b/c' as RepoPath);
    expect(readdirSync(rig.at('a'))).toEqual(['b']);
    expect(existsSync(rig.at('a/b/c'))).toBe(false);
    outs.makeParent('top' as RepoPath);
  });
});

describe('a persisted out stays, and can no longer be written through into the cache', () => {
  it('where it is a hard link or a symbolic link', () => {
    mkdirSync(rig.at('d/e'), { recursive: true });
    linkSync(rig.at('cache/object'), rig.at('d/hard'));
    symlinkSync(rig.at('cache/object'), rig.at('d/e/soft'));
    symlinkSync('../cache/program', rig.at('d/program'));
    writeFileSync(rig.at('d/readonly'), 'mine', { mode: 0o444 });
    chmodSync(rig.at('d/e'), 0o555);
    keep('d');
    for (const path of ['d/hard', 'd/e/soft', 'd/program']) {
      const stat = lstatSync(rig.at(path));
      expect([stat.isFile(), stat.nlink, stat.mode & 0o200]).toEqual([true, 1, 0o200]);
      expect(readFileSync(rig.at(path), 'utf8')).toBe('precious');
      writeFileSync(rig.at(path), 'edited');
    }
    expect(lstatSync(rig.at('d/program')).mode & 0o100).toBe(0o100);
    expect(lstatSync(rig.at('d/hard')).mode & 0o100).toBe(0);
    expect(lstatSync(rig.at('d/readonly')).mode & 0o777).toBe(0o644);
    expect(lstatSync(rig.at('d/e')).mode & 0o200).toBe(0o200);
    expect(readFileSync(rig.at('cache/object'), 'utf8')).toBe('precious');
    expect(lstatSync(rig.at('cache/object')).mode & 0o777).toBe(0o444);
    expect(readdirSync(rig.at('d')).sort()).toEqual(['e', 'hard', 'program', 'readonly']);
  });

  it('where the out is a single file, or a link whose object is gone', () => {
    symlinkSync(rig.at('cache/object'), rig.at('one'));
    symlinkSync(rig.at('cache/gone'), rig.at('two'));
    for (const path of ['one', 'two', 'none']) keep(path);
    expect(lstatSync(rig.at('one')).isFile()).toBe(true);
    expect(existsSync(rig.at('none'))).toBe(false);
    expect(lstatSync(rig.at('two'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('and links to other places stay links', () => {
    symlinkSync('../elsewhere', rig.at('link'));
    keep('link');
    expect(lstatSync(rig.at('link')).isSymbolicLink()).toBe(true);
  });
});
