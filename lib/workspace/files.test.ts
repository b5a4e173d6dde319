import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestBytes, digestText, loadDigest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { Observation } from '../core/observation.ts';
import { FilesRig, digestOf, plainDigest, sampleTree, settle } from './files-rig.ts';
import type { WorkspaceFiles } from './files.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
});
afterEach(() => rig.close());

const look = (path: string): ReturnType<FilesRig['look']> => rig.look(path);

describe('a single file', () => {
  it('is seen with digest, size and executable bit', async () => {
    writeFileSync(rig.at('f'), 'hello');
    const digest = digestText('hello');
    expect((await look('f')).seen).toEqual({ kind: 'file', digest, size: 5, executable: false });
    chmodSync(rig.at('f'), 0o755);
    expect((await look('f')).seen).toEqual({ kind: 'file', digest, size: 5, executable: true });
  });

  it('is answered synchronously when small', async () => {
    writeFileSync(rig.at('f'), 'hello');
    const files = await rig.open();
    expect(files.observe('f')).toMatchObject({ kind: 'file' });
  });

  it('is not read again once its digest is settled', async () => {
    writeFileSync(rig.at('f'), 'hello');
    await settle();
    expect((await look('f')).read).toBe(1);
    expect((await look('f')).read).toBe(0);
  });

  it('is not read where its writer vouched for it, unless it was touched since', async () => {
    writeFileSync(rig.at('f'), 'hello');
    await settle();
    const files = await rig.open();
    files.vouch(rig.at('f'), digestText('hello'), lstatSync(rig.at('f')));
    expect(await files.observe('f')).toEqual({ kind: 'file', digest: digestText('hello'), size: 5, executable: false });
    expect(files.filesRead).toBe(0);
    writeFileSync(rig.at('f'), 'HELLO');
    expect(await files.recheck('f')).toMatchObject({ digest: digestText('HELLO') });
    expect(files.filesRead).toBe(1);
  });

  it('is read where its writer vouches for it so soon that an edit might not show', async () => {
    const files = await rig.open();
    writeFileSync(rig.at('f'), 'hello');
    utimesSync(rig.at('f'), new Date(), new Date(Date.now() + 60_000));
    files.vouch(rig.at('f'), digestText('wrong'), lstatSync(rig.at('f')));
    expect(await files.observe('f')).toMatchObject({ digest: digestText('hello') });
  });

  it.each(['f', 'folder/f', 'folder/in/f'])('what was vouched for is remembered: %s', async (path) => {
    const bytes = Buffer.alloc(1 << 20, 'dagrun');
    mkdirSync(rig.at('folder/in'), { recursive: true });
    writeFileSync(rig.at(path), bytes);
    await settle();
    const files = await rig.open();
    const [out = ''] = path.split('/');
    files.vouch(rig.at(path), digestBytes(bytes), lstatSync(rig.at(path)));
    await files.rememberVouched([out]);
    files.save();
    const { seen, read } = await look(out);
    expect(read).toBe(0);
    expect(seen).toMatchObject({ size: bytes.length });
  });

  it('is read again after a touch, with the same digest', async () => {
    writeFileSync(rig.at('f'), 'hello');
    await settle();
    const before = await look('f');
    utimesSync(rig.at('f'), 1, 1);
    const after = await look('f');
    expect(after.read).toBe(1);
    expect(after.seen).toEqual(before.seen);
  });

  it('is missing where nothing is, where a parent is a file, and where a link dangles', async () => {
    writeFileSync(rig.at('f'), '');
    symlinkSync('nowhere', rig.at('l'));
    symlinkSync('loop', rig.at('loop'));
    for (const path of ['x', 'x/y', 'f/y', 'l', 'loop']) expect((await look(path)).seen).toEqual({ kind: 'missing' });
  });

  it('is seen outside the workspace, and through a link', async () => {
    mkdirSync(rig.at('ws'));
    writeFileSync(rig.at('f'), 'hello');
    symlinkSync('f', rig.at('l'));
    const { seen } = await look('l');
    expect(digestOf(seen)).toBe(digestText('hello'));
    expect((await look(rig.at('f'))).seen).toEqual(seen);
    expect((await look(`../${rig.root.split('/').at(-1)!}/f`)).seen).toEqual(seen);
  });

  it('behind a link is seen when the link is turned to another file', async () => {
    writeFileSync(rig.at('a'), 'aaa');
    writeFileSync(rig.at('b'), 'bbb');
    symlinkSync('a', rig.at('l'));
    await settle();
    await look('l');
    rmSync(rig.at('l'));
    symlinkSync('b', rig.at('l'));
    expect(digestOf((await look('l')).seen)).toBe(digestText('bbb'));
  });

  it('of many megabytes gives a promise and lets timers run meanwhile', async () => {
    const bytes = Buffer.alloc(400_000_001, 'abc');
    writeFileSync(rig.at('big'), bytes);
    const files = await rig.open();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const answer = files.observe('big');
    expect(answer).toBeInstanceOf(Promise);
    expect(files.observe('big')).toBe(answer);
    expect(digestOf(await answer)).toBe(digestBytes(bytes));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    expect(files.filesRead).toBe(1);
  });
});

describe('never a stale answer', () => {
  it('notices a same-size edit within the same clock tick as the last hash', async () => {
    for (let round = 0; round < 60; round++) {
      writeFileSync(rig.at('f'), `old ${String(round).padStart(3)}`);
      await look('f');
      writeFileSync(rig.at('f'), `new ${String(round).padStart(3)}`);
      expect(digestOf((await look('f')).seen)).toBe(digestText(`new ${String(round).padStart(3)}`));
    }
  });

  it('notices it inside a folder, too', async () => {
    mkdirSync(rig.at('d'));
    for (let round = 0; round < 60; round++) {
      writeFileSync(rig.at('d/f'), 'old');
      await look('d');
      writeFileSync(rig.at('d/f'), 'new');
      expect(digestOf((await look('d')).seen)).toBe(plainDigest(rig.at('d')));
    }
  });

  it('notices a same-size edit whose mtime was put back', async () => {
    mkdirSync(rig.at('d'));
    writeFileSync(rig.at('d/f'), 'old');
    await settle();
    const before = await look('d');
    const file = await look('d/f');
    const { atime, mtime } = statSync(rig.at('d/f'));
    writeFileSync(rig.at('d/f'), 'new');
    utimesSync(rig.at('d/f'), atime, mtime);
    expect(digestOf((await look('d')).seen)).not.toBe(digestOf(before.seen));
    expect(digestOf((await look('d/f')).seen)).not.toBe(digestOf(file.seen));
  });

  it('does not believe a file whose times lie in the future', async () => {
    writeFileSync(rig.at('f'), 'x');
    utimesSync(rig.at('f'), 4e9, 4e9);
    await settle();
    expect((await look('f')).read).toBe(1);
    expect((await look('f')).read).toBe(1);
  });
});

describe('a folder', () => {
  it('has the digest of its canonical manifest, empty folders and odd names included', async () => {
    sampleTree(rig);
    chmodSync(rig.at('data/a'), 0o755);
    const { seen } = await look('data');
    expect(seen).toEqual({ kind: 'tree', digest: plainDigest(rig.at('data')), size: 19, files: 5 });
  });

  it('without entries is an empty tree', async () => {
    mkdirSync(rig.at('d'));
    expect((await look('d')).seen).toEqual({ kind: 'tree', digest: digestText(encodeManifest([])), size: 0, files: 0 });
  });

  it('is not read again while nothing changes', async () => {
    sampleTree(rig);
    await settle();
    const first = await look('data');
    expect(first.read).toBe(5);
    expect(await look('data')).toEqual({ seen: first.seen, read: 0 });
  });

  const changes: readonly [string, number, () => void][] = [
    ['a file is edited', 1, () => writeFileSync(rig.at('data/sub/b'), 'other')],
    ['a file is added', 1, () => writeFileSync(rig.at('data/sub/new'), '')],
    ['a file is removed', 0, () => rmSync(rig.at('data/sub/b'))],
    ['a file is renamed', 1, () => renameSync(rig.at('data/sub/b'), rig.at('data/sub/c'))],
    ['a folder is renamed', 2, () => renameSync(rig.at('data/sub'), rig.at('data/bus'))],
    ['an empty folder is removed', 0, () => rmSync(rig.at('data/empty'), { recursive: true })],
    ['an empty folder is added', 0, () => mkdirSync(rig.at('data/sub/empty'))],
    ['a folder gets its first file', 1, () => writeFileSync(rig.at('data/empty/x'), '')],
    ['the executable bit is set', 1, () => chmodSync(rig.at('data/a'), 0o755)],
    [
      'a file becomes a folder',
      1,
      () => {
        rmSync(rig.at('data/a'));
        mkdirSync(rig.at('data/a'));
        writeFileSync(rig.at('data/a/x'), 'one');
      },
    ],
    [
      'a folder becomes a link to its copy',
      0,
      () => {
        renameSync(rig.at('data/sub'), rig.at('data/real'));
        symlinkSync('real', rig.at('data/sub'));
      },
    ],
  ];
  it.each(changes)('is different when %s', async (_, read, change) => {
    sampleTree(rig);
    await settle();
    const before = await look('data');
    change();
    await settle();
    const after = await look('data');
    expect(digestOf(after.seen)).not.toBe(digestOf(before.seen));
    expect(digestOf(after.seen)).toBe(plainDigest(rig.at('data')));
    if (read === 1) expect(after.read).toBe(1);
    expect((await look('data')).read).toBe(0);
  });

  it('never counts version control, the state folder, and what is excluded', async () => {
    sampleTree(rig);
    const files = await rig.open({ excluded: ['cache', 'p.lock'] });
    const before = await files.observe('');
    for (const folder of ['.git', 'data/.git', 'cache']) {
      mkdirSync(rig.at(folder));
      writeFileSync(rig.at(`${folder}/x`), 'x');
    }
    writeFileSync(rig.at('p.lock'), 'x');
    expect(await files.recheck('')).toEqual(before);
    writeFileSync(rig.at('p.lock2'), 'x');
    expect(await files.recheck('')).not.toEqual(before);
  });

  it('of thousands of files has a file of its own in the index, and one edit among them is noticed', async () => {
    for (const folder of ['x', 'y']) {
      mkdirSync(rig.at(`d/${folder}`), { recursive: true });
      for (let file = 0; file < 2500; file++) writeFileSync(rig.at(`d/${folder}/${file}`), '');
    }
    await settle();
    const first = await look('d');
    expect(await look('d')).toEqual({ seen: first.seen, read: 0 });
    expect(readdirSync(rig.at('.dagrun/trees'))).toHaveLength(1);
    writeFileSync(rig.at('d/y/77'), 'edited');
    const edited = await look('d');
    expect(edited.read).toBe(1);
    expect(digestOf(edited.seen)).toBe(plainDigest(rig.at('d')));
  });
});

describe('what this process has seen', () => {
  async function counted(path: string): Promise<WorkspaceFiles> {
    const files = await rig.open();
    await files.observe(path);
    return files;
  }

  it('is remembered until it is forgotten, by a path at, in or around it', async () => {
    sampleTree(rig);
    for (const forgotten of ['data', 'data/sub/b', '']) {
      const files = await counted('data');
      const before = await files.observe('data');
      appendFileSync(rig.at('data/a'), 'x');
      files.forget('dat');
      expect(await files.observe('data')).toEqual(before);
      files.forget(forgotten);
      expect(await files.observe('data')).not.toEqual(before);
    }
  });

  it('is forgotten through links, too', async () => {
    sampleTree(rig);
    symlinkSync('data', rig.at('alias'));
    mkdirSync(rig.at('d'));
    symlinkSync('../data/a', rig.at('d/l'));
    const files = await rig.open();
    const paths = ['alias', 'alias/a', 'd'];
    const before: Observation[] = [];
    for (const path of paths) before.push(await files.observe(path));
    writeFileSync(rig.at('data/a'), 'edited');
    files.forget('data/a');
    for (const [index, path] of paths.entries()) expect(await files.observe(path)).not.toEqual(before[index]);
  });

  it('is forgotten through links while it is still being looked at', async () => {
    const small = ['1', '2', '3', '4', '5', '6'];
    mkdirSync(rig.at('d'));
    for (const name of [...small, 'big']) {
      writeFileSync(rig.at(name), 'x');
      symlinkSync(`../${name}`, rig.at(`d/${name}`));
    }
    truncateSync(rig.at('big'), 400 * 2 ** 20);
    const files = await rig.open();
    const looking = files.observe('d');
    expect(looking).toBeInstanceOf(Promise);
    for (const name of small) {
      writeFileSync(rig.at(name), 'edited');
      files.forget(name);
    }
    await looking;
    expect(await files.observe('d')).toEqual(await (await rig.open({ fresh: true })).observe('d'));
  });

  it('has no rows where anything was forgotten, as it may have been seen in two states', async () => {
    writeFileSync(rig.at('f'), 'x');
    await settle();
    const files = await counted('f');
    expect(files.rowsOf(['f'])).toMatchObject({ keys: ['f'] });
    files.forget('other');
    expect(files.rowsOf(['f'])).toBeUndefined();
  });

  it('tells of every text of a parameter file that it read', async () => {
    const files = await rig.open();
    for (const text of ['a: 1', 'a: 2', 'a: 2']) {
      writeFileSync(rig.at('p.yaml'), text);
      await files.params('p.yaml');
    }
    expect(files.textsRead.filter(([path]) => path === 'p.yaml')).toEqual([
      ['p.yaml', digestText('a: 1')],
      ['p.yaml', digestText('a: 2')],
    ]);
  });

  it('is looked at again by recheck, which keeps using the index', async () => {
    sampleTree(rig);
    await settle();
    const files = await counted('data');
    const before = await files.observe('data');
    expect(await files.recheck('data')).toEqual(before);
    expect(files.filesRead).toBe(5);
    writeFileSync(rig.at('data/a'), 'ONE');
    expect(await files.observe('data')).toEqual(before);
    const after = await files.recheck('data');
    expect(digestOf(after)).toBe(plainDigest(rig.at('data')));
    expect(await files.observe('data')).toEqual(after);
    expect(files.filesRead).toBe(6);
  });

  it('is saved without failing, also where the state folder cannot be written', async () => {
    writeFileSync(rig.at('f'), 'x');
    writeFileSync(rig.stateDir, 'a file in its place');
    const files = await rig.open();
    expect(await files.observe('f')).toMatchObject({ kind: 'file' });
    files.save();
    expect(lstatSync(rig.stateDir).isFile()).toBe(true);
  });
});
