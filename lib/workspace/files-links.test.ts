import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestText, loadDigest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { Observation } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import { FilesRig, digestOf, plainDigest, reasonOf, sampleTree, settle } from './files-rig.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
});
afterEach(() => rig.close());

const look = (path: string): ReturnType<FilesRig['look']> => rig.look(path);

describe('symbolic links', () => {
  it('within a folder count by their text', async () => {
    sampleTree(rig);
    symlinkSync('a', rig.at('data/l'));
    symlinkSync('sub', rig.at('data/folder'));
    symlinkSync('gone', rig.at('data/dangling'));
    expect(digestOf((await look('data')).seen)).toBe(plainDigest(rig.at('data')));
  });

  it('to a file outside carry its digest; edits there are noticed', async () => {
    mkdirSync(rig.at('d'));
    writeFileSync(rig.at('out'), 'one');
    symlinkSync('../out', rig.at('d/l'));
    await settle();
    const entry = { kind: 'link', path: 'l' as RepoPath, target: '../out' } as const;
    const one = await look('d');
    expect(digestOf(one.seen)).toBe(digestText(encodeManifest([{ ...entry, digest: digestText('one') }])));
    expect((await look('d')).read).toBe(0);
    writeFileSync(rig.at('out'), 'two');
    expect(digestOf((await look('d')).seen)).toBe(
      digestText(encodeManifest([{ ...entry, digest: digestText('two') }])),
    );
    rmSync(rig.at('out'));
    expect(digestOf((await look('d')).seen)).toBe(digestText(encodeManifest([{ ...entry, digest: null }])));
  });

  it('to a folder outside carry its digest, over any number of hops', async () => {
    for (const folder of ['d', 'e', 'f']) mkdirSync(rig.at(folder));
    symlinkSync('../e', rig.at('d/l'));
    symlinkSync(rig.at('f'), rig.at('e/l'));
    writeFileSync(rig.at('f/x'), 'one');
    await settle();
    const one = await look('d');
    expect(await look('d')).toEqual({ seen: one.seen, read: 0 });
    writeFileSync(rig.at('f/x'), 'two');
    const two = await look('d');
    expect(digestOf(two.seen)).not.toBe(digestOf(one.seen));
    const inner = digestOf((await look('e')).seen) as ReturnType<typeof digestText>;
    const link = { kind: 'link', path: 'l' as RepoPath, target: '../e', digest: inner } as const;
    expect(digestOf(two.seen)).toBe(digestText(encodeManifest([link])));
  });

  it('that lead in circles end, and give every process the same digest', async () => {
    for (const folder of ['d', 'e', 'g']) {
      mkdirSync(rig.at(folder));
      writeFileSync(rig.at(`${folder}/x`), folder);
    }
    symlinkSync('..', rig.at('d/up'));
    symlinkSync('../e', rig.at('d/e'));
    symlinkSync('../d', rig.at('e/d'));
    symlinkSync('../g', rig.at('e/g'));
    symlinkSync('../d', rig.at('g/d'));
    symlinkSync('self', rig.at('d/self'));
    await settle();
    const seen: Record<string, Observation> = {};
    for (const path of ['d', 'e', 'g']) seen[path] = (await look(path)).seen;
    for (const path of ['g', 'e', 'd', 'e', 'g']) {
      const again = await look(path);
      expect(again).toEqual({ seen: seen[path], read: 0 });
      expect(await (await rig.open({ fresh: true })).observe(path)).toEqual(seen[path]);
    }
    const before = seen.d!;
    writeFileSync(rig.at('g/x'), 'edited');
    expect(digestOf((await look('d')).seen)).not.toBe(digestOf(before));
  });

  it('among folders that all link to each other end', async () => {
    const names = 'abcdefghij'.split('');
    for (const name of names) {
      mkdirSync(rig.at(name));
      for (const other of names) if (other !== name) symlinkSync(`../${other}`, rig.at(`${name}/${other}`));
    }
    expect(reasonOf((await look('a')).seen)).toContain('link to each other');
  });

  it('at the path itself are followed', async () => {
    sampleTree(rig);
    symlinkSync('data', rig.at('l'));
    expect(digestOf((await look('l')).seen)).toBe(plainDigest(rig.at('data')));
  });
});

describe('what cannot be read is said to be so', () => {
  it('a FIFO, a socket and a device', async () => {
    mkdirSync(rig.at('d'));
    execFileSync('mkfifo', [rig.at('d/pipe')]);
    expect(reasonOf((await look('d')).seen)).toBe('"pipe" is a FIFO');
    expect(reasonOf((await look('d/pipe')).seen)).toBe('it is a FIFO');
    expect(reasonOf((await look('/dev/null')).seen)).toBe('it is a device');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(rig.at('sock'), resolve));
    expect(reasonOf((await look('sock')).seen)).toBe('it is a socket');
    await new Promise((resolve) => server.close(resolve));
    mkdirSync(rig.at('e'));
    symlinkSync('/dev/null', rig.at('e/null'));
    expect(reasonOf((await look('e')).seen)).toBe('"null" leads to something unreadable: it is a device');
  });

  it('a name or a link that is not valid UTF-8, and one that no manifest can hold', async () => {
    mkdirSync(rig.at('d'));
    mkdirSync(rig.at('e/C:'), { recursive: true });
    mkdirSync(rig.at('g'));
    writeFileSync(rig.at('d/\ufffd'), 'a legal name');
    expect((await look('d')).seen.kind).toBe('tree');
    writeFileSync(Buffer.concat([Buffer.from(rig.at('d/')), Buffer.from([0xff])]), 'x');
    expect(reasonOf((await look('d')).seen)).toBe('the folder holds a name that is not valid UTF-8');
    writeFileSync(rig.at('e/C:/x'), '');
    expect(reasonOf((await look('e')).seen)).toContain('"C:/x" has a name that cannot be used');
    symlinkSync(Buffer.from([0xff]), rig.at('g/l'));
    expect(reasonOf((await look('g')).seen)).toContain('not valid UTF-8');
  });

  it('a file or folder without permission', async () => {
    sampleTree(rig);
    chmodSync(rig.at('data/sub'), 0o000);
    chmodSync(rig.at('data/a'), 0o000);
    const asOther = process.geteuid!() === 0;
    if (asOther) {
      execFileSync('chown', ['-R', '65534:65534', rig.root]);
      chownSync(rig.root, 65534, 65534);
      process.seteuid!(65534);
    }
    try {
      expect(reasonOf((await look('data/a')).seen)).toBe('permission denied');
      expect(reasonOf((await look('data/sub/b')).seen)).toBe('permission denied');
      expect(reasonOf((await look('data')).seen)).toBe('"a": permission denied');
      expect(reasonOf((await look('data/sub')).seen)).toBe('the folder: permission denied');
    } finally {
      if (asOther) process.seteuid!(0);
      chmodSync(rig.at('data/sub'), 0o755);
    }
  });
});
