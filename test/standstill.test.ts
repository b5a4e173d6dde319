// A run that found nothing to do lets the next one say so without loading the program. It may never say so wrongly: whatever changes, the
// answer is the one that the program gives without that shortcut.

import { describe, expect, it } from '@jest/globals';
import { chmodSync, readFileSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { step, useRig } from './rig.ts';

const rig = useRig();

/** Says on stderr when the program itself is loaded. */
const watched = {
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(
    "import fs from 'node:fs'; const read = fs.readFileSync; fs.readFileSync = (path, ...rest) => { if (String(path).endsWith('main.cjs')) process.stderr.write('[program]'); return read(path, ...rest); };",
  )}`,
};

const stages = {
  copy: { cmd: step('copy', 'cp seed copied'), deps: ['seed'], outs: ['copied'] },
  gather: {
    cmd: step('gather', 'mkdir -p ../made/inner && cat ../folder/a > ../made/inner/b'),
    wdir: 'place',
    deps: ['../folder', '../copied'],
    params: [{ '../params.yaml': ['lr'] }],
    outs: ['../made'],
  },
};

async function loadsProgram(args: readonly string[] = ['repro']): Promise<boolean> {
  const run = await rig.run(args, { env: watched });
  expect(run.code).toBe(0);
  return run.stderr.includes('[program]');
}

/** Runs until the program is no longer needed. The first runs hash what has only just been written. */
async function standStill(pipeline: object = { stages }): Promise<void> {
  rig.write({
    seed: 'a',
    'folder/a': 'a',
    'folder/deep/b': 'b',
    'place/.keep': '',
    'params.yaml': 'lr: 0.1\nother: 1\n',
    '.dagrunignore': '*.tmp\n',
  });
  rig.pipeline(pipeline);
  for (let round = 0; round < 40 && (await loadsProgram()); round++);
  expect(await loadsProgram()).toBe(false);
}

/** What status says, and what it says where there is no shortcut to take. */
async function bothAnswers(env: Record<string, string> = {}): Promise<{ quick: string; full: string }> {
  const quick = await rig.run(['status'], { env });
  rig.remove('.dagrun/standstill-pipeline.yaml');
  const full = await rig.run(['status'], { env });
  return { quick: `${quick.code} ${quick.stdout}`, full: `${full.code} ${full.stdout}` };
}

describe('standstill', () => {
  it('says what the program says, for repro and status, from any folder of the workspace', async () => {
    await standStill();
    expect((await rig.run(['status'])).stdout).toBe('up to date: 2 stages unchanged\n');
    expect((await rig.run(['status', '--check'])).code).toBe(0);
    expect((await rig.run(['repro'])).stdout).toMatch(/^nothing to do: 2 stages unchanged \(\d+\.\d\ds\)\n$/);
    expect(await loadsProgram(['status', '-C', 'folder/deep'])).toBe(false);
    expect(await loadsProgram(['repro', '-j', '2'])).toBe(false);
    for (const jobs of ['0', '-1', 'x']) expect((await rig.run(['repro', '-j', jobs])).code).toBe(2);
    expect((await rig.run(['status', '-j', '2'])).code).toBe(2);
    expect((await rig.run(['repro', '-C', 'nowhere'])).code).toBe(2);
  });

  it.each([
    ['an edited dep', () => rig.write({ seed: 'b' })],
    ['a missing dep', () => rig.remove('seed')],
    ['a file added to a folder', () => rig.write({ 'folder/new': 'x' })],
    ['a file taken out of a folder', () => rig.remove('folder/deep/b')],
    ['an edit deep in a folder', () => rig.write({ 'folder/deep/b': 'c' })],
    ['a folder turned into a link', () => turnIntoLink()],
    ['an edited out', () => rig.damage('copied', 'x')],
    ['a missing out', () => rig.remove('made')],
    ['a file added to an out', () => rig.write({ 'made/inner/more': 'x' })],
    ['an executable bit', () => chmodSync(rig.path('seed'), 0o755)],
    ['an edited pipeline', () => rig.pipeline({ stages: { ...stages, more: { cmd: 'true' } } })],
    ['an edited param', () => rig.write({ 'params.yaml': 'lr: 0.2\nother: 1\n' })],
    ['a missing lock', () => rig.remove('pipeline.lock')],
    ['an edited lock', () => editLock()],
    ['an edited ignore file', () => rig.write({ '.dagrunignore': 'deep\n' })],
    ['a second ignore file', () => rig.write({ '.dvcignore': 'deep\n' })],
    ['an edit of the same size with its old times', () => editSecretly()],
  ])('notices %s', async (_, change) => {
    await standStill();
    change();
    const { quick, full } = await bothAnswers();
    expect(quick).toBe(full);
    expect(quick).not.toContain('up to date');
  });

  it.each([
    ['appears', null],
    ['gains a variable', 'other: 1\n'],
  ])('notices that a parameter file %s, which adds a stage to those of a template', async (_, before) => {
    const each = { foreach: '${models}', do: { cmd: 'echo ${item} > o-${key}', outs: ['o-${key}'] } };
    rig.write({ 'params.yaml': before });
    rig.pipeline({ vars: [{ models: { a: 1 } }], stages: { each } });
    for (let round = 0; round < 40 && (await loadsProgram()); round++);
    expect(await loadsProgram()).toBe(false);
    rig.write({ 'params.yaml': 'models: {b: 2}\n' });
    const { quick, full } = await bothAnswers();
    expect(quick).toBe(full);
    expect(quick).toContain('each@b');
  });

  it('notices that the workspace was moved away from its cache, which counts as content then', async () => {
    const env = { ...watched, DAGRUN_CACHE_DIR: rig.path('ws/folder/cache') };
    rig.write({ 'ws/folder/a': 'a' });
    rig.pipeline({ stages: { only: { cmd: 'cat folder/a > o', deps: ['folder'], outs: ['o'] } } }, 'ws/pipeline.yaml');
    const stands = async (): Promise<boolean> =>
      !(await rig.run(['repro', '-C', 'ws'], { env })).stderr.includes('[program]');
    for (let round = 0; round < 40 && !(await stands()); round++);
    expect(await stands()).toBe(true);
    renameSync(rig.path('ws'), rig.path('moved'));
    expect((await rig.run(['status', '-C', 'moved'], { env })).stdout).toContain('changed dep: folder');
  });

  it('leaves a lock with entries of stages that are no more to the run, which drops them', async () => {
    await standStill({ stages: { ...stages, more: { cmd: 'true' } } });
    rig.pipeline({ stages });
    for (let round = 0; round < 4; round++) await rig.run(['status']);
    await rig.run(['repro']);
    expect(Object.keys((rig.readJson('pipeline.lock') as { stages: object }).stages)).toEqual(['copy', 'gather']);
  });

  it('is not for a pipeline without stages, of which the program says so', async () => {
    rig.pipeline({ stages: {} });
    for (let round = 0; round < 3; round++) {
      expect((await rig.run(['status'])).stdout).toBe('no stages\n');
      expect((await rig.run(['repro'])).stdout).toContain('nothing to do: no stages');
    }
  });

  it('leaves a command line that the program refuses to the program', async () => {
    await standStill();
    rig.write({ '-x/.keep': '' });
    expect((await rig.run(['status', '-C', '-x'])).code).toBe(2);
  });

  it('notices a missing working folder, which is a fault', async () => {
    await standStill();
    rig.remove('place');
    expect(await bothAnswers()).toMatchObject({
      quick: expect.stringMatching(/^2 /),
      full: expect.stringMatching(/^2 /),
    });
  });

  it('looks again, and finds nothing to do, where files were only touched', async () => {
    await standStill();
    utimesSync(rig.path('seed'), 1, 1);
    const { quick, full } = await bothAnswers();
    expect(quick).toBe(full);
    expect(quick).toContain('up to date');
  });

  it('leaves an ignored file in a folder alone', async () => {
    await standStill();
    rig.write({ 'folder/x.tmp': '1' });
    expect((await bothAnswers()).quick).toContain('up to date');
  });

  it('leaves another cache folder, options, targets and damaged state to the program', async () => {
    await standStill();
    for (const args of [
      ['repro', '-v'],
      ['repro', '--json'],
      ['repro', '-f', '--dry'],
      ['status', 'copy'],
    ])
      expect(await loadsProgram(args)).toBe(true);
    const elsewhere = { ...watched, DAGRUN_CACHE_DIR: rig.path('other') };
    expect((await rig.run(['status'], { env: elsewhere })).stderr).toContain('[program]');
    await standStill();
    const file = rig.path('.dagrun/standstill-pipeline.yaml');
    const good = readFileSync(file);
    for (const bytes of [
      good.subarray(0, good.length - 8),
      Buffer.alloc(good.length),
      flipped(good),
      Buffer.alloc(0),
    ]) {
      writeFileSync(file, bytes);
      expect(await loadsProgram(['status', '-C', '.'])).toBe(true);
    }
  });

  it('is not for stages that depend on more than files', async () => {
    for (const more of [{ env: ['HOME'] }, { always_changed: true }, { frozen: true }, { host: true }]) {
      rig.write({ seed: 'a' });
      rig.pipeline({ stages: { copy: { ...stages.copy, ...more } } });
      for (let round = 0; round < 4; round++) await loadsProgram();
      expect(rig.has('.dagrun/standstill-pipeline.yaml')).toBe(false);
    }
  });

  it('respects a runner at work', async () => {
    await standStill();
    const stale = JSON.stringify({ host: 'elsewhere', pid: 1, startTime: '1', token: 'x', command: 'dagrun repro' });
    rig.write({ '.dagrun/lock': stale });
    expect((await rig.run(['repro'])).code).toBe(3);
  });
});

function turnIntoLink(): void {
  rig.write({ 'elsewhere/a': 'other' });
  renameSync(rig.path('folder'), rig.path('kept'));
  symlinkSync('elsewhere', rig.path('folder'));
}

function editLock(): void {
  rig.write({ 'pipeline.lock': rig.read('pipeline.lock').replace(/"digest": ".{4}/, '"digest": "0000') });
}

function editSecretly(): void {
  rig.write({ seed: 'z' });
  utimesSync(rig.path('seed'), new Date(1e12), new Date(1e12));
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 20]! ^= 1;
  return copy;
}
