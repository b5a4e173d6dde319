// Full disks and read-only ones: clear words, nothing lost, nothing that is taken for a result and is none, and a next run that works.

import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, rmSync } from 'node:fs';
import { fillDisk, mountDisk, resizeDisk, setReadOnly, unmountAll, whyNoMounts } from './small-disk.ts';

// Before the rig removes its folder: disks are taken away first.
afterEach(unmountAll);
const { step, useRig } = await import('./rig.ts');
const rig = useRig();
const missing = whyNoMounts();

const pipeline = {
  stages: {
    small: { cmd: step('small', 'cp seed small'), deps: ['seed'], outs: ['small'] },
    big: { cmd: step('big', 'yes "$(cat seed)" | head -c 3000000 > big'), deps: ['seed'], outs: ['big'] },
    tree: {
      cmd: step('tree', 'mkdir tree; for i in 1 2 3; do head -c 400000 big > tree/$i; echo $i >> tree/$i; done'),
      deps: ['big'],
      outs: ['tree'],
    },
    last: { cmd: step('last', 'cat small tree/3 > last'), deps: ['small', 'tree'], outs: ['last'] },
  },
};
const names = Object.keys(pipeline.stages);

function write(seed: string): void {
  rig.write({ seed: `${seed}\n` });
  rig.pipeline(pipeline);
}

function hasRightOuts(seed: string): void {
  const big = `${seed}\n`.repeat(3_000_000).slice(0, 3_000_000);
  const part = big.slice(0, 400_000);
  expect(rig.read('small')).toBe(`${seed}\n`);
  expect(rig.read('big') === big).toBe(true);
  for (const name of ['1', '2', '3']) expect(rig.read(`tree/${name}`) === `${part}${name}\n`).toBe(true);
  expect(rig.read('last') === `${seed}\n${part}3\n`).toBe(true);
}

async function isSound(): Promise<void> {
  const verified = await rig.run(['cache', 'verify']);
  expect([verified.code, verified.output]).toEqual([0, expect.stringContaining('nothing damaged')]);
}

async function isFresh(): Promise<void> {
  expect(Object.values(await rig.states())).toEqual(names.map(() => 'fresh'));
}

if (missing !== undefined) {
  describe('a full disk and a read-only cache', () => {
    it(`not run: no file system can be mounted here (${missing})`, () => {
      expect(missing).not.toBe('');
    });
  });
} else {
  describe('a full disk under the cache', () => {
    it.each([
      ['from the start', 64, true],
      ['after some results', 1200, false],
    ])('the run goes on, says so, and what is not stored is no hit later: %s', async (_, size, filled) => {
      write('one');
      mountDisk(rig.path('cache'), size);
      if (filled) fillDisk(rig.path('cache/filler'));
      const run = await rig.repro();
      expect([run.code, run.executed]).toEqual([0, names]);
      hasRightOuts('one');
      expect(run.output).toContain('no space left');
      expect(run.events.filter((event) => event.kind === 'warning').length).toBeGreaterThan(0);
      await isFresh();
      await isSound();
      rig.executed();
      // What is not in the cache is made again, never invented; it still does not fit.
      rig.remove('big', 'tree');
      const again = await rig.good();
      expect(again.executed).toEqual(expect.arrayContaining(['big', 'tree']));
      hasRightOuts('one');
      // Freed: the next execution is stored, and then restored.
      rmSync(rig.path('cache/filler'), { force: true });
      resizeDisk(rig.path('cache'), 20_000);
      rig.remove('small', 'big', 'tree', 'last');
      await rig.good();
      hasRightOuts('one');
      rig.remove('small', 'big', 'tree', 'last', 'pipeline.lock');
      expect([...(await rig.good()).restored].sort()).toEqual(names.toSorted());
      hasRightOuts('one');
      await isSound();
      expect(rig.files('cache/tmp')).toEqual([]);
    });

    it('a full cache is still read: what it holds is restored', async () => {
      write('one');
      mountDisk(rig.path('cache'), 20_000);
      await rig.settle();
      fillDisk(rig.path('cache/filler'));
      rig.remove('small', 'big', 'tree', 'last', 'pipeline.lock');
      const run = await rig.good();
      expect([...run.restored].sort()).toEqual(names.toSorted());
      hasRightOuts('one');
      await isSound();
      await isFresh();
    });
  });

  describe('a full disk under the whole workspace', () => {
    it('a run ends with an error that says so, keeps the old lock and results, and the next one works', async () => {
      mountDisk(rig.root, 14_000);
      write('one');
      await rig.settle();
      const lock = rig.read('pipeline.lock');
      write('two');
      fillDisk(rig.path('filler'));
      const run = await rig.run(['repro']);
      expect(run.code).toBe(1);
      expect(run.output).toMatch(/no space left|ENOSPC/i);
      expect(run.output).not.toContain('bug');
      expect(rig.read('pipeline.lock')).toBe(lock);
      for (const state of Object.values(await rig.states())) expect(state).not.toBe('fresh');
      rm('filler');
      await isSound();
      rig.remove('big', 'tree', 'last', 'small');
      resizeDisk(rig.root, 40_000);
      await rig.good();
      hasRightOuts('two');
      await isFresh();
      await isSound();
      expect(rig.files('.').filter((path) => /tmp-|\.dagrun\/lock/.test(path))).toEqual([]);
    });

    it('that fills up in the middle of a run, finished stages are kept and nothing is taken for a result', async () => {
      // Room for the outs, or for the outs and some of the objects.
      for (const size of [3200, 4600, 6400, 8000]) {
        unmountAll();
        mountDisk(rig.root, size);
        write('one');
        const run = await rig.repro();
        expect([0, 1]).toContain(run.code);
        expect(run.output).toMatch(/no space left|ENOSPC/i);
        expect(run.output).not.toContain('has a bug');
        resizeDisk(rig.root, 40_000);
        await isSound();
        const states = await rig.states();
        const fresh = names.filter((name) => states[name] === 'fresh');
        expect(fresh.filter((name) => run.failed.includes(name) || run.blocked.includes(name))).toEqual([]);
        await rig.good();
        hasRightOuts('one');
        await isFresh();
      }
    }, 60_000);

    it('stops a run that cannot even begin, in plain words', async () => {
      mountDisk(rig.root, 64);
      write('one');
      fillDisk(rig.path('filler'));
      const run = await rig.run(['repro']);
      expect(run.code).toBe(1);
      expect(run.output).toMatch(/no space left|ENOSPC/i);
      expect(run.output).not.toContain('has a bug');
      rm('filler');
      resizeDisk(rig.root, 40_000);
      await rig.good();
      hasRightOuts('one');
      expect(rig.read('.dagrun/.gitignore')).toBe('*\n');
      expect(rig.files('.dagrun').filter((path) => path.includes('lock'))).toEqual([]);
    });

    it('`status` works on it', async () => {
      mountDisk(rig.root, 14_000);
      write('one');
      await rig.settle();
      fillDisk(rig.path('filler'));
      rm('.dagrun');
      await isFresh();
    });
  });

  describe('a read-only cache', () => {
    it('is restored from, and a run that cannot be stored says so and stands', async () => {
      write('one');
      mountDisk(rig.path('cache'), 20_000);
      await rig.settle();
      setReadOnly(rig.path('cache'), true);
      const before = rig.files('cache');
      expect(Object.values(await rig.states())).toEqual(names.map(() => 'fresh'));
      rig.remove('small', 'big', 'tree', 'last', 'pipeline.lock');
      const restored = await rig.good();
      expect([...restored.restored].sort()).toEqual(names.toSorted());
      expect(restored.events.filter((event) => event.kind === 'warning')).toEqual([]);
      hasRightOuts('one');
      write('two');
      const run = await rig.good();
      expect(run.executed).toEqual(names);
      expect(run.output).toContain('read-only');
      hasRightOuts('two');
      await isFresh();
      expect(rig.files('cache')).toEqual(before);
      rig.executed();
      rig.remove('last');
      expect((await rig.good()).executed).toEqual(['last']);
      await isSound();
      for (const args of [
        ['gc', '--workspace'],
        ['cache', 'verify', '--repair'],
        ['cache', 'merge', 'cache-2'],
      ]) {
        mkdirSync(rig.path('cache-2'), { recursive: true });
        const refused = await rig.run(args);
        expect(refused.output).not.toContain('has a bug');
        if (args[0] === 'gc') expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('read-only')]);
      }
      setReadOnly(rig.path('cache'), false);
      write('three');
      await rig.good();
      rig.remove('big', 'pipeline.lock');
      expect((await rig.good()).restored).toContain('big');
      hasRightOuts('three');
    });

    it('with a corrupt object gives no hit and no wrong byte', async () => {
      write('one');
      mountDisk(rig.path('cache'), 20_000);
      await rig.settle();
      rig.damage(rig.objectsWith('one\n')[0]!, 'bad\n');
      setReadOnly(rig.path('cache'), true);
      rig.remove('small');
      const run = await rig.good(['small']);
      expect(run.executed).toEqual(['small']);
      expect(rig.read('small')).toBe('one\n');
      expect(run.output).toMatch(/corrupt/);
    });
  });

  describe('a read-only workspace', () => {
    it('`status` works; `repro` and others that change something say why they cannot', async () => {
      mountDisk(rig.root, 20_000);
      write('one');
      await rig.settle();
      setReadOnly(rig.root, true);
      await isFresh();
      for (const line of ['repro', 'checkout', 'commit', 'freeze small', 'gc --workspace']) {
        const run = await rig.run(line.split(' '));
        expect([line, run.code]).toEqual([line, 1]);
        expect(run.stderr).toMatch(/read-only|EROFS/);
        expect(run.stderr).not.toContain('has a bug');
      }
      for (const line of ['dag', 'explain last', 'logs last', 'cache stats', 'repro --dry'])
        expect([line, (await rig.run(line.split(' '))).code]).toEqual([line, 0]);
      setReadOnly(rig.root, false);
      write('two');
      await rig.good();
      hasRightOuts('two');
    });
  });
}

function rm(path: string): void {
  rmSync(rig.path(path), { recursive: true, force: true });
}
