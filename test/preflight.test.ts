// What can be known to go wrong is known before the first command starts: the last stage's typing error costs no hours.

import { describe, expect, it } from '@jest/globals';
import { mkdirSync, symlinkSync } from 'node:fs';
import { step, useRig } from './rig.ts';

const rig = useRig();

/** A first stage that works, and a last one. */
function pipeline(last: object, more: object = {}): void {
  rig.pipeline({
    stages: {
      first: { cmd: step('first', 'echo 1 > made'), outs: ['made'] },
      last: { cmd: step('last', 'cat made > end'), outs: ['end'], ...last },
      ...more,
    },
  });
}

describe('a missing dep of a late stage', () => {
  it.each(['typo.txt', 'folder/typo.txt', 'typo/*.txt', '../typo.txt'])(
    'stops the run before the first command: %s',
    async (dep) => {
      pipeline({ deps: ['made', dep] });
      const run = await rig.repro();
      expect(run.code).toBe(1);
      expect({ failed: run.failed, blocked: run.blocked }).toEqual({ failed: ['last'], blocked: ['first'] });
      expect(run.stdout).toContain(`dep missing: ${dep}`);
      expect(rig.executed()).toEqual([]);
    },
  );

  it('is none in a dvc.yaml, where an earlier command may make it unsaid', async () => {
    const stages = {
      first: { cmd: 'echo 1 > made; echo 1 > unsaid', outs: ['made'] },
      last: { cmd: 'cat unsaid > end', deps: ['made', 'unsaid'], outs: ['end'] },
    };
    rig.pipeline({ stages }, 'dvc.yaml');
    expect((await rig.good(['--file', 'dvc.yaml'])).executed).toEqual(['first', 'last']);
  });

  it('is told together with all others', async () => {
    pipeline({ deps: ['made', 'no'] }, { other: { cmd: 'true', deps: ['made', 'nothing'] } });
    expect((await rig.repro()).failed).toEqual(['last', 'other']);
  });

  it('stops its own stage only, with --keep-going', async () => {
    pipeline({ deps: ['made', 'typo'] });
    const run = await rig.repro(['--keep-going']);
    expect({ executed: run.executed, failed: run.failed }).toEqual({ executed: ['first'], failed: ['last'] });
  });

  it('is none where a stage makes it, or a file in it, or where the last stage is frozen or not asked for', async () => {
    pipeline(
      { deps: ['made', 'folder', 'parts/*.txt'], frozen: false },
      {
        second: { cmd: 'echo 1 > folder/deep', outs: ['folder/deep'] },
        third: { cmd: 'echo 1 > parts/1.txt', outs: ['parts/1.txt'] },
        frozen: { cmd: 'true', deps: ['no'], frozen: true },
      },
    );
    expect((await rig.good()).executed).toHaveLength(4);
    pipeline({ deps: ['made', 'no'] });
    rig.remove('cache', 'pipeline.lock');
    expect((await rig.good(['first'])).executed).toEqual(['first']);
  });
});

describe('broken code of a late stage', () => {
  it.each([
    ['an import that leads nowhere', "import './gone.js';"],
    ['a syntax error', 'const = 1;'],
  ])('stops the run before the first command: %s', async (_what, source) => {
    rig.write({ 'main.js': "import './helper.js';", 'helper.js': source });
    pipeline({ deps: ['made'], code: ['main.js'] });
    const run = await rig.repro();
    expect({ failed: run.failed, blocked: run.blocked }).toEqual({ failed: ['last'], blocked: ['first'] });
    expect(run.stdout).toContain('helper.js:1:');
    expect(rig.executed()).toEqual([]);
  });

  it('is none where a stage makes what is imported, or the program itself', async () => {
    rig.write({ 'main.js': "import './generated/table.js';" });
    pipeline(
      { deps: ['made', 'generated'], code: ['main.js', 'written.js'] },
      {
        write: {
          cmd: "echo 'export {};' | tee generated/table.js > written.js",
          outs: ['generated/table.js', 'written.js'],
        },
      },
    );
    expect((await rig.good()).executed.toSorted()).toEqual(['first', 'last', 'write']);
  });
});

describe('outs behind a link that leads out of the workspace', () => {
  it('are refused before the first command, with the way out, and status says so', async () => {
    mkdirSync(rig.path('../elsewhere'));
    symlinkSync('../elsewhere', rig.path('data'));
    pipeline({ outs: ['data/deep/end'], deps: ['made'] });
    for (const args of [['repro'], ['status'], ['repro', '--dry']]) {
      const run = await rig.run(args);
      expect(run.code).toBe(2);
      expect(run.stderr).toMatch(/^pipeline\.yaml:\d+:\d+: out "data\/deep\/end" of stage "last" lies behind "data", /);
      expect(run.stderr).toContain('hint: ');
    }
    expect(rig.executed()).toEqual([]);
  });

  it('are no matter where the link stays inside, or is the out itself', async () => {
    mkdirSync(rig.path('real'));
    symlinkSync('real', rig.path('data'));
    symlinkSync('../elsewhere', rig.path('end2'));
    pipeline({ cmd: 'echo 1 > data/end && echo 1 > end2', outs: ['data/end', 'end2'] });
    await rig.settle();
    expect(rig.read('real/end')).toBe('1\n');
  });
});
