// The command line as a contract: each command and option, exit codes, JSON, and what is said to people.

import { describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { cliPath, controlled, later, readRepro, slowed, step, useRig } from './rig.ts';
import type { FakeCommand, LongRun } from './rig.ts';

const rig = useRig();

const chain = {
  stages: {
    first: { cmd: step('first', 'cp seed one'), deps: ['seed'], outs: ['one'] },
    second: {
      cmd: step('second', 'cp one two; grep p params.yaml >> two'),
      deps: ['one'],
      params: ['p'],
      outs: ['two'],
    },
    third: { cmd: step('third', 'cp two three'), deps: ['two'], outs: ['three'] },
  },
};

const group = {
  stages: {
    prepare: { cmd: step('prepare', 'cp seed base'), deps: ['seed'], outs: ['base'] },
    train: {
      foreach: ['cat', 'cow', 'dog'],
      do: { cmd: step('train-${item}', 'cp base model-${item}'), deps: ['base'], outs: ['model-${item}'] },
    },
    report: {
      cmd: step('report', 'cat model-cat model-cow model-dog > report'),
      deps: ['model-cat', 'model-cow', 'model-dog'],
      outs: ['report'],
    },
  },
};

function prepare(pipeline: object = chain): void {
  rig.write({ seed: '1', 'params.yaml': 'p: 1\n' });
  rig.pipeline(pipeline);
}

async function settled(pipeline: object = chain): Promise<void> {
  prepare(pipeline);
  await rig.settle();
}

describe('dagrun', () => {
  it('--version and --help say what they should, and end with 0', async () => {
    const version = await rig.run(['--version']);
    expect([version.code, version.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)]);
    const help = await rig.run(['--help']);
    expect(help.code).toBe(0);
    for (const command of [
      'init',
      'repro',
      'status',
      'explain',
      'dag',
      'logs',
      'checkout',
      'commit',
      'freeze',
      'unfreeze',
      'gc',
      'cache',
    ])
      expect(help.stdout).toMatch(new RegExp(`^\\s+${command}\\b`, 'm'));
  });

  it('an unknown command or option is a usage error with a near miss', async () => {
    prepare();
    const command = await rig.run(['statsu']);
    expect([command.code, command.stdout]).toEqual([2, '']);
    expect(command.stderr).toContain('status');
    const option = await rig.run(['repro', '--forse']);
    expect([option.code, option.stdout]).toEqual([2, '']);
    expect(option.stderr).toContain('--force');
    expect(rig.executed()).toEqual([]);
  });

  it('without a pipeline file: a usage error that names init', async () => {
    for (const command of ['repro', 'status', 'dag']) {
      const run = await rig.run([command]);
      expect(run.code).toBe(2);
      expect(run.stderr).toContain('pipeline.yaml');
      expect(run.stderr).toContain('dagrun init');
    }
  });

  it('starts in a folder below the pipeline file only with -C', async () => {
    await settled();
    mkdirSync(rig.path('elsewhere'));
    expect(await rig.states(['-C', '..'], { cwd: 'elsewhere' })).toEqual({
      first: 'fresh',
      second: 'fresh',
      third: 'fresh',
    });
    rig.write({ seed: '2' });
    expect((await rig.repro(['-C', rig.root], { cwd: 'elsewhere' })).executed).toEqual(['first', 'second', 'third']);
  });

  it('-C of a folder that is not there is a usage error', async () => {
    const run = await rig.run(['status', '-C', 'nowhere']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('nowhere');
  });

  it('so is a current folder that was removed', () => {
    const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" status';
    const args = ['-c', script, process.execPath, cliPath];
    const run = spawnSync('sh', args, { cwd: rig.root, encoding: 'utf8' });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('the current folder does not exist any more');
  });

  it('all faults of a pipeline file are told at once, each with a place, and near misses with a hint', async () => {
    rig.pipeline(
      [
        'stages:',
        '  train:',
        '    cmd: python train.py',
        '    depps:',
        '      - data',
        '    outs: 5',
        '  Bad:',
        '    cmd: x',
        '    frozen: maybe',
        '',
      ].join('\n'),
    );
    const run = await rig.run(['repro']);
    expect([run.code, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/^pipeline\.yaml:4:5: .*depps/m);
    expect(run.stderr).toMatch(/hint: .*did you mean .*deps/i);
    expect(run.stderr).toMatch(/^pipeline\.yaml:6:\d+: /m);
    expect(run.stderr).toMatch(/^pipeline\.yaml:9:\d+: /m);
  });

  it('a YAML error is told with its place', async () => {
    rig.pipeline('stages:\n  train:\n    cmd: "unclosed\n');
    const run = await rig.run(['status']);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^pipeline\.yaml:\d+:\d+: /m);
  });

  it('YAML anchors and merge keys work; a YAML bomb is refused at once', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(
      'x-common: &common\n  deps: [seed]\nstages:\n  a:\n    <<: *common\n    cmd: &c cp seed a\n    outs: [a]\n  b:\n    <<: *common\n    cmd: cp seed b\n    outs: [b]\n',
    );
    expect((await rig.repro()).executed.length).toBe(2);
    const levels = Array.from(
      { length: 12 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]`,
    );
    rig.pipeline(
      `x-bomb:\n  l0: &l0 [x]\n${levels.map((line) => `  ${line}`).join('\n')}\nstages:\n  a:\n    cmd: x\n`,
    );
    const run = await rig.run(['status']);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/alias/i);
  });
});

describe('init', () => {
  it('writes a commented starter that runs and is a no-op the second time', async () => {
    const init = await rig.run(['init']);
    expect(init.code).toBe(0);
    expect(rig.read('pipeline.yaml')).toMatch(/^#/m);
    const ignored = rig.read('.gitignore');
    expect(ignored).toMatch(/^\/?cache\/?$/m);
    expect(ignored).toMatch(/^\/?\.dagrun\/?$/m);
    const first = await rig.repro();
    expect(first.code).toBe(0);
    expect(first.executed.length).toBeGreaterThan(0);
    const second = await rig.repro();
    expect([second.code, second.executed, second.restored]).toEqual([0, [], []]);
  });

  it('writes a pipeline file of another name', async () => {
    rig.write({ 'pipeline.yaml': 'stages: {}\n' });
    const init = await rig.run(['init', '--file', 'other.yaml']);
    expect(init.code).toBe(0);
    expect(init.stdout).toContain('dagrun --file other.yaml repro');
    expect((await rig.good(['--file', 'other.yaml'])).executed).toHaveLength(2);
    expect(rig.read('pipeline.yaml')).toBe('stages: {}\n');
    expect((await rig.run(['init', '--file', 'sub/other.yaml'])).code).toBe(2);
  });

  it('keeps a cache that is a link to another disk out of git', async () => {
    const git = rig.git();
    mkdirSync(rig.path('../disk'));
    symlinkSync('../disk', rig.path('cache'));
    expect((await rig.run(['init'])).code).toBe(0);
    await rig.settle();
    expect(git('status', '--porcelain', '-uall')).not.toContain('cache');
  });

  it('hides no pipeline.yml', async () => {
    rig.write({ 'pipeline.yml': 'stages: {}\n' });
    const init = await rig.run(['init']);
    expect(init.code).toBe(2);
    expect(init.stderr).toContain('pipeline.yml is there already');
    expect(rig.files('.')).toEqual(['pipeline.yml']);
  });

  it('refuses to overwrite, and adds to a .gitignore that is there', async () => {
    rig.write({ '.gitignore': 'mine\n' });
    expect((await rig.run(['init'])).code).toBe(0);
    expect(rig.read('.gitignore')).toMatch(/^mine\n/);
    rig.write({ 'pipeline.yaml': '# my own\nstages: {}\n' });
    const again = await rig.run(['init']);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('pipeline.yaml');
    expect(rig.read('pipeline.yaml')).toBe('# my own\nstages: {}\n');
  });
});

describe('repro', () => {
  it('targets: a stage and what it needs', async () => {
    prepare();
    expect((await rig.repro(['second'])).executed).toEqual(['first', 'second']);
    expect(rig.executed()).toEqual(['first', 'second']);
  });

  it.each([
    ['a glob', ['train@c*'], ['prepare', 'train-cat', 'train-cow']],
    ['a whole group', ['train'], ['prepare', 'train-cat', 'train-cow', 'train-dog']],
    ['one of a group', ['train@dog'], ['prepare', 'train-dog']],
    ['the path of an out', ['model-cow'], ['prepare', 'train-cow']],
    ['several', ['train@dog', 'train@cat'], ['prepare', 'train-cat', 'train-dog']],
  ])('targets: %s', async (_, targets, expected) => {
    prepare(group);
    await rig.good(targets);
    expect(rig.executed().sort()).toEqual(expected);
  });

  it('targets: an unknown one is a usage error with a near miss, and a glob without a match is one too', async () => {
    prepare(group);
    const near = await rig.run(['repro', 'train@dgo']);
    expect(near.code).toBe(2);
    expect(near.stderr).toMatch(/did you mean .*train@dog/i);
    expect((await rig.run(['repro', 'eval@*'])).code).toBe(2);
    expect(rig.executed()).toEqual([]);
  });

  it('-f executes what is fresh', async () => {
    await settled();
    const run = await rig.repro(['-f']);
    expect(run.executed).toEqual(['first', 'second', 'third']);
    expect(run.events.find((event) => event.kind === 'stage-started')!['reasons']).toContainEqual({ kind: 'forced' });
    expect((await rig.repro(['--force', 'first'])).executed).toEqual(['first']);
  });

  it('-s runs one stage alone', async () => {
    await settled();
    rig.write({ seed: '2' });
    expect((await rig.repro(['-s', 'third'])).executed).toEqual([]);
    expect((await rig.repro(['-s', 'first'])).executed).toEqual(['first']);
    expect(rig.executed()).toEqual(['first']);
  });

  it('-s and --downstream need a target', async () => {
    await settled();
    expect((await rig.run(['repro', '--downstream'])).code).toBe(2);
    expect((await rig.run(['repro', '-s'])).code).toBe(2);
  });

  it('-k and --ignore-errors exclude each other', async () => {
    prepare();
    expect((await rig.run(['repro', '-k', '--ignore-errors'])).code).toBe(2);
    expect(rig.executed()).toEqual([]);
  });

  it.each(['0', '-1', 'many', '1.5'])('-j refuses %s', async (jobs) => {
    prepare();
    const run = await rig.run(['repro', '-j', jobs]);
    expect(run.code).toBe(2);
    expect(rig.executed()).toEqual([]);
  });

  it('--json: one event a line, the summary last, for success and failure', async () => {
    prepare();
    const good = await rig.repro();
    expect(good.events[0]).toMatchObject({ kind: 'run-started', stages: 3 });
    expect(good.events.at(-1)).toMatchObject({
      kind: 'summary',
      executed: 3,
      restored: 0,
      skipped: 0,
      failed: 0,
      blocked: 0,
      seconds: expect.any(Number),
    });
    expect(good.events.filter((event) => event.stage === 'second').map((event) => event.kind)).toEqual([
      'stage-started',
      'stage-executed',
    ]);
    rig.write({ seed: null });
    rig.pipeline({ stages: { ...chain.stages, first: { cmd: 'exit 4', outs: ['one'] } } });
    const bad = await rig.repro();
    expect(bad.code).toBe(1);
    expect(bad.events.at(-1)).toMatchObject({ kind: 'summary', executed: 0, failed: 1 });
  });

  it('--json: a configuration error leaves stdout to JSON and ends with 2', async () => {
    rig.pipeline('stages: 5\n');
    const run = await rig.repro();
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('pipeline.yaml:1:');
  });

  it('--no-commit leaves the cache alone, and commit stores what is there', async () => {
    prepare();
    await rig.settle(['--no-commit']);
    expect(rig.files('cache/objects')).toEqual([]);
    expect((await rig.repro(['--no-commit'])).executed).toEqual([]);
    expect((await rig.run(['commit'])).code).toBe(0);
    rig.remove('one', 'two', 'three');
    expect([...(await rig.repro()).restored].sort()).toEqual(['first', 'second', 'third']);
  });

  it('--file dvc.yaml runs a DVC pipeline with foreach, matrix, vars and templates, with a lock of its own', async () => {
    rig.write({ seed: '1', 'params.yaml': 'models:\n  big: {units: 9}\n  small: {units: 3}\ntrain: {lr: 0.1}\n' });
    const text = [
      'vars:',
      '  - tag: v1',
      'stages:',
      '  train:',
      '    foreach: ${models}',
      '    do:',
      `      cmd: ${step('train-${key}', 'echo ${item.units} ${train.lr} ${tag} > model-${key}')}`.replace(
        'cmd: ',
        'cmd: >-\n        ',
      ),
      '      deps: [seed]',
      '      params: [train.lr]',
      '      outs:',
      '        - model-${key}:',
      '            cache: true',
      '  eval:',
      '    matrix:',
      '      model: [big, small]',
      '      fold: [1, 2]',
      `    cmd: cp model-\${item.model} score-\${item.model}-\${item.fold}`,
      '    deps: ["model-${item.model}"]',
      '    outs: ["score-${item.model}-${item.fold}"]',
      '  sum:',
      '    wdir: .',
      '    cmd: cat score-* > m.json',
      '    deps: [score-big-1, score-big-2, score-small-1, score-small-2]',
      '    metrics:',
      '      - m.json:',
      '          cache: false',
      'plots:',
      '  - m.json',
      '',
    ].join('\n');
    rig.pipeline(text, 'dvc.yaml');
    const run = await rig.repro(['--file', 'dvc.yaml']);
    expect(run.code).toBe(0);
    expect([...run.executed].sort()).toEqual([
      'eval@big-1',
      'eval@big-2',
      'eval@small-1',
      'eval@small-2',
      'sum',
      'train@big',
      'train@small',
    ]);
    expect(rig.read('model-big')).toBe('9 0.1 v1\n');
    expect([rig.has('dvc.dagrun.lock'), rig.has('pipeline.lock'), rig.has('dvc.lock')]).toEqual([true, false, false]);
    expect((await rig.repro(['--file', 'dvc.yaml'])).executed).toEqual([]);
    expect(new Set(Object.values(await rig.states(['--file', 'dvc.yaml'])))).toEqual(new Set(['fresh']));
  });

  it('plain lines in a pipe: no escape codes, one summary line at the end', async () => {
    await settled();
    rig.remove('three');
    rig.write({ 'params.yaml': 'p: 2\n' });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(0);
    expect(run.output).not.toContain('\u001b');
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/1 skipped.*2 executed in /);
    expect(run.stdout).toContain('second');
  });

  it('the summary says what the cache saved', async () => {
    prepare();
    await rig.settle([], { env: slowed(1000) });
    rig.remove('three');
    const run = await rig.run(['repro']);
    expect(run.stdout.trimEnd().split('\n').at(-1)).toMatch(/2 skipped, 1 restored \(saved .*\)/);
  });

  it('no colour without NO_COLOR either, where the output is a pipe', async () => {
    prepare();
    const { NO_COLOR: _, ...bare } = rig.env();
    expect(_).toBe('1');
    const run = await rig.run(['repro'], { env: { ...(bare as Record<string, string>), NO_COLOR: '' } });
    expect(run.output).not.toContain('\u001b');
  });

  it('-q says nothing of success, but tells failures', async () => {
    prepare();
    const good = await rig.run(['repro', '-q']);
    expect([good.code, good.output]).toEqual([0, '']);
    rig.pipeline({ stages: { only: { cmd: 'echo why it failed; echo ::progress 0.5 half; exit 3' } } });
    const bad = await rig.run(['repro', '-q']);
    expect(bad.code).toBe(1);
    expect(bad.output).toContain('why it failed');
    expect(bad.output).not.toMatch(/^ *\| ::progress/m);
  });

  it('-v shows the output of stages', async () => {
    rig.pipeline({ stages: { only: { cmd: 'echo loud and clear' } } });
    expect((await rig.run(['repro', '-f'])).output).not.toMatch(/^.*loud and clear$(?<!echo loud and clear)/m);
    expect((await rig.run(['repro', '-f', '-v'])).output).toMatch(/^.*loud and clear$(?<!echo loud and clear)/m);
  });

  it('a pipeline without stages is done at once', async () => {
    rig.pipeline({ stages: {} });
    await rig.good();
    expect(await rig.states()).toEqual({});
  });
});

describe('status', () => {
  it('--json is {"stages":[{"name","state","reasons"}]} in pipeline order of dependence', async () => {
    await settled();
    rig.write({ 'params.yaml': 'p: 2\n' });
    const { stdout } = await rig.run(['status', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      stages: [
        { name: 'first', state: 'fresh', reasons: [] },
        { name: 'second', state: 'stale', reasons: [{ kind: 'param', key: 'params.yaml:p', from: '1', to: '2' }] },
        { name: 'third', state: 'unknown', reasons: [{ kind: 'upstream', stage: 'second' }] },
      ],
    });
  });

  it('targets restrict what is told', async () => {
    await settled();
    rig.write({ seed: '2' });
    expect(Object.keys(await rig.states(['first']))).toEqual(['first']);
    expect((await rig.run(['status', 'nope'])).code).toBe(2);
  });

  it('--check ends with 1 when anything is stale, restorable or unknown, and 0 otherwise', async () => {
    prepare();
    expect((await rig.run(['status', '--check'])).code).toBe(1);
    expect((await rig.run(['status'])).code).toBe(0);
    await rig.settle();
    expect((await rig.run(['status', '--check'])).code).toBe(0);
    rig.remove('three');
    expect((await rig.run(['status', '--check'])).code).toBe(1);
    expect((await rig.run(['status', '--check', 'first'])).code).toBe(0);
    const json = await rig.run(['status', '--check', '--json']);
    expect(json.code).toBe(1);
    expect(() => JSON.parse(json.stdout) as unknown).not.toThrow();
  });

  it('tells each kind of reason in words', async () => {
    await settled();
    rig.write({ seed: '2', 'params.yaml': 'p: 2\n', three: 'by hand' });
    const said = (await rig.run(['status'])).stdout;
    expect(said).toContain('changed dep: seed');
    expect(said).toMatch(/first[\s\S]*second[\s\S]*third/);
    rig.write({ seed: '1', 'params.yaml': 'p: 1\n' });
    expect((await rig.run(['status'])).stdout).toContain('out edited: three');
    rig.remove('three');
    expect((await rig.run(['status'])).stdout).toContain('out missing: three');
  });

  it('says so when everything is fresh', async () => {
    await settled();
    const run = await rig.run(['status']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/up to date|fresh/i);
  });

  it('only reads: no lock and no cache folder come of it', async () => {
    prepare();
    const before = rig.snapshot();
    expect(Object.keys(await rig.states())).toHaveLength(3);
    expect(rig.snapshot()).toEqual(before);
  });
});

describe('explain', () => {
  it('names what changed against the lock', async () => {
    await settled();
    rig.write({ 'params.yaml': 'p: 2\n' });
    const run = await rig.run(['explain', 'second']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/\bp\b.*1.*2/);
    expect(run.stdout).toContain('lock');
    for (const part of ['one', 'two', 'cp one two']) expect(run.stdout).toContain(part);
  });

  it('names what changed against the nearest recorded run', async () => {
    rig.write({ 'params.yaml': 'a: 1\nb: 1\nc: 1\n' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), params: ['a', 'b', 'c'], outs: ['o'] } } });
    await rig.settle();
    rig.write({ 'params.yaml': 'a: 2\nb: 2\nc: 2\n' });
    await rig.settle();
    rig.write({ 'params.yaml': 'a: 1\nb: 1\nc: 3\n' });
    const { stdout } = await rig.run(['explain', 'only']);
    // The lock differs in three values, the nearest run in one.
    expect(stdout).toMatch(/nearest/i);
    const nearest = stdout.slice(stdout.search(/nearest/i));
    expect(nearest).toMatch(/\bc\b.*1.*3/);
    expect(nearest).not.toMatch(/\ba\b.*2.*1/);
  });

  it('says so for a stage that is fresh, one that was never run, and refuses one that there is not', async () => {
    prepare();
    expect((await rig.run(['explain', 'first'])).stdout).toMatch(/never run|no (recorded )?run/i);
    await rig.settle();
    const fresh = await rig.run(['explain', 'first']);
    expect([fresh.code, fresh.stdout]).toEqual([0, expect.stringMatching(/fresh|unchanged|same|identical/i)]);
    const unknown = await rig.run(['explain', 'fist']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/did you mean .*first/i);
    expect((await rig.run(['explain'])).code).toBe(2);
  });

  it('never shows the value of an environment variable', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only'), env: ['TOKEN'] } } });
    await rig.settle([], { env: { TOKEN: 'secret-one' } });
    const env = { TOKEN: 'secret-two' };
    for (const args of [['explain', 'only'], ['status'], ['status', '--json'], ['repro', '--dry']]) {
      const { output } = await rig.run(args, { env });
      expect(output).toContain('TOKEN');
      expect(output).not.toMatch(/secret-(one|two)/);
    }
    expect(JSON.stringify(rig.snapshot())).not.toContain('secret-one');
  });
});

describe('dag', () => {
  it('--json is {"nodes":[{"name"}],"edges":[{"from","to"}]}', async () => {
    prepare(group);
    const dag = JSON.parse((await rig.run(['dag', '--json'])).stdout) as {
      nodes: { name: string }[];
      edges: { from: string; to: string }[];
    };
    expect(dag.nodes.map((node) => node.name).sort()).toEqual([
      'prepare',
      'report',
      'train@cat',
      'train@cow',
      'train@dog',
    ]);
    const edges = dag.edges.map(({ from, to }) => [from, to]);
    expect(edges).toHaveLength(6);
    expect(edges).toContainEqual(['prepare', 'train@cat']);
    expect(edges).toContainEqual(['train@dog', 'report']);
  });

  it('--mermaid and --dot draw every stage and edge', async () => {
    prepare(group);
    const mermaid = (await rig.run(['dag', '--mermaid', '--full'])).stdout;
    expect(mermaid).toMatch(/^(flowchart|graph) /m);
    expect(mermaid.match(/-->/g)).toHaveLength(6);
    expect(mermaid).toContain('train@cow');
    const dot = (await rig.run(['dag', '--dot', '--full'])).stdout;
    expect(dot).toMatch(/^(strict )?digraph/);
    expect(dot.match(/->/g)).toHaveLength(6);
    expect(dot).toContain('"train@cow"');
  });

  it('is readable with 100 matrix stages: grouped, and all with --full', async () => {
    const tens = Array.from({ length: 10 }, (_, index) => index);
    prepare({
      stages: {
        prepare: { cmd: 'cp seed base', deps: ['seed'], outs: ['base'] },
        train: {
          matrix: { a: tens, b: tens },
          cmd: 'cp base m-${item.a}-${item.b}',
          deps: ['base'],
          outs: ['m-${item.a}-${item.b}'],
        },
      },
    });
    const grouped = await rig.run(['dag']);
    expect(grouped.code).toBe(0);
    expect(grouped.stdout.split('\n').length).toBeLessThan(25);
    expect(grouped.stdout).toContain('train');
    expect(grouped.stdout).toContain('100');
    const full = (await rig.run(['dag', '--full'])).stdout;
    for (const name of ['train@0-0', 'train@5-7', 'train@9-9']) expect(full).toContain(name);
  });

  it('shows the stages of a small pipeline in order', async () => {
    prepare();
    expect((await rig.run(['dag'])).stdout).toMatch(/first[\s\S]*second[\s\S]*third/);
  });
});

describe('logs', () => {
  it('shows the last execution, or the run asked for', async () => {
    rig.write({ seed: 'one' });
    rig.pipeline({ stages: { only: { cmd: 'echo "seed is $(cat seed)"', deps: ['seed'] } } });
    const first = await rig.settle();
    rig.write({ seed: 'two' });
    await rig.settle();
    const last = await rig.run(['logs', 'only']);
    expect(last.code).toBe(0);
    expect(last.stdout).toContain('seed is two');
    expect(last.stdout).not.toContain('seed is one');
    const id = String(first.events.find((event) => event.kind === 'stage-executed')!['runId']);
    expect((await rig.run(['logs', 'only', '--run', id])).stdout).toContain('seed is one');
  });

  it('a failed execution is the last one too', async () => {
    rig.write({ seed: '0' });
    rig.pipeline({ stages: { only: { cmd: 'echo "code $(cat seed)"; exit $(cat seed)', deps: ['seed'] } } });
    await rig.settle();
    rig.write({ seed: '5' });
    expect((await rig.repro()).code).toBe(1);
    const log = (await rig.run(['logs', 'only'])).stdout;
    expect(log).toContain('code 5');
    expect(log).toMatch(/\b5\b/);
  });

  it('tells exit code, duration, peak memory, when and where', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const run = rig.start(['repro', '--json', '-v']);
    const command = await rig.started('only');
    await command.print('hello\n');
    // It has been running for a while by now: its memory was looked at.
    await run.waitFor(() => run.stdout.includes('hello'));
    await command.exit(0);
    const end = readRepro(await run.end());
    const executed = end.events.find((event) => event.kind === 'stage-executed')!;
    // A node process takes about 40 MB.
    expect(executed['peakMemory']).toBeGreaterThan(10_000_000);
    expect(executed['peakMemory']).toBeLessThan(1_000_000_000);
    const log = (await rig.run(['logs', 'only'])).stdout;
    expect(log).toContain('hello');
    expect(log).toContain(hostname());
    expect(log).toMatch(/\d{4}-\d{2}-\d{2}/);
    expect(log).toMatch(/exit code 0/);
    expect(log).toMatch(/\bin \d+(\.\d+)?s\b/);
    expect(log).toMatch(/peak \d+(\.\d+)? (MB|MiB)\b/);
  });

  it('an execution that is under way is the last one, with what it has said so far', async () => {
    rig.write({ seed: 'one' });
    rig.pipeline({ stages: { only: { cmd: controlled('only'), deps: ['seed'] } } });
    const before = rig.start(['repro']);
    await (await rig.started('only')).exit(0);
    await before.end();
    rig.write({ seed: 'two' });
    const run = rig.start(['repro', '-v']);
    const command = await rig.started('only');
    await command.print('so far\n');
    await run.waitFor(() => run.stdout.includes('so far'));
    const during = (await rig.run(['logs', 'only'])).stdout;
    expect(during).toMatch(/^# \S+ {2}only {2}not finished: [\s\S]*so far\n$/);
    const list = (await rig.run(['logs', 'only', '--list'])).stdout.trim().split('\n');
    expect(list.map((line) => /not finished|succeeded/.exec(line)?.[0])).toEqual(['not finished', 'succeeded']);
    expect(JSON.parse((await rig.run(['logs', 'only', '--json'])).stdout)).toMatchObject({ outcome: 'succeeded' });
    await command.exit(0);
    await run.end();
    expect((await rig.run(['logs', 'only'])).stdout).toMatch(/succeeded[\s\S]*so far/);
  });

  describe('--follow', () => {
    /** A stage that is under way and has said something, and somebody who follows it. */
    async function startFollowing(): Promise<{ run: LongRun; command: FakeCommand; follower: LongRun }> {
      rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
      const run = rig.start(['repro']);
      const command = await rig.started('only');
      await command.print('one\n');
      const follower = rig.start(['logs', 'only', '--follow']);
      await follower.waitFor(() => follower.stdout.includes('one\n'));
      return { run, command, follower };
    }

    it('goes on with what an execution under way writes, until it has ended', async () => {
      const { run, command, follower } = await startFollowing();
      await command.print('two\n');
      await follower.waitFor(() => follower.stdout.endsWith('one\ntwo\n'));
      await command.print('no line end');
      await command.exit(5);
      expect((await run.end()).code).toBe(1);
      const end = await follower.end();
      expect([end.code, end.stderr]).toEqual([0, '']);
      expect(end.stdout).toMatch(
        /^# \S+ {2}only\n\$ .*\none\ntwo\nno line end\n# \S+ {2}only {2}failed \(exit code 5\) in .*\n$/,
      );
    });

    it('prints one that has ended, as without it', async () => {
      rig.pipeline({ stages: { only: { cmd: 'echo done' } } });
      await rig.settle();
      const plain = await rig.run(['logs', 'only']);
      expect(plain.stdout).toContain('done\n');
      expect(await rig.run(['logs', 'only', '-f'])).toEqual(plain);
    });

    it('ends with 130 at Ctrl-C, and the stage goes on', async () => {
      const { run, command, follower } = await startFollowing();
      follower.signal('SIGINT');
      expect((await follower.end()).code).toBe(130);
      await command.exit(0);
      expect((await run.end()).code).toBe(0);
    });

    it('ends where the runner died, also of an execution of long ago while another runner is at work', async () => {
      const { run, follower } = await startFollowing();
      run.signal('SIGKILL');
      const end = await follower.end();
      expect(end.code).toBe(0);
      expect(end.stdout).toMatch(/# \S+ {2}only {2}not finished: .*\n$/);
      const [log] = rig.files('cache/logs').filter((path) => path.endsWith('.log'));
      renameSync(rig.path(log!), rig.path(log!.replace(/\d{8}T/, '20200101T')));
      rig.pipeline({ stages: { only: { cmd: 'true' }, other: { cmd: controlled('other') } } });
      const later = rig.start(['repro', 'other']);
      const other = await rig.started('other');
      expect((await rig.run(['logs', 'only', '--follow'])).stdout).toMatch(/not finished: .*\n$/);
      await other.exit(0);
      await later.end();
    });

    it('cannot be used with what has no log', async () => {
      prepare();
      for (const flag of ['--list', '--json']) expect((await rig.run(['logs', 'first', '-f', flag])).code).toBe(2);
    });
  });

  it.each([
    ['nobody reads on', '| head -n 1', 0, ''],
    ['it cannot be written', '> /dev/full', 1, 'the output could not be written: ENOSPC'],
  ])('a long log may be cut off where %s', async (_, into, code, message) => {
    rig.pipeline({ stages: { only: { cmd: 'seq 1 300000' } } });
    await rig.settle();
    const script = `set -o pipefail; "$0" "$1" logs only ${into}`;
    const run = spawnSync('bash', ['-c', script, process.execPath, cliPath], {
      cwd: rig.root,
      env: rig.env(),
      encoding: 'utf8',
    });
    expect(run.status).toBe(code);
    expect(run.stderr).toContain(message);
    expect(run.stderr).not.toContain('bug');
  });

  it('a stage without a log, an unknown stage and an unknown run are told apart', async () => {
    prepare();
    const none = await rig.run(['logs', 'first']);
    expect(none.code).toBeGreaterThan(0);
    expect(none.stderr).toContain('first');
    expect((await rig.run(['logs', 'fist'])).stderr).toMatch(/did you mean .*first/i);
    await rig.settle();
    const run = await rig.run(['logs', 'first', '--run', '../../../etc/passwd']);
    expect(run.code).toBeGreaterThan(0);
    expect(run.output).not.toContain('root:');
  });
});

describe('checkout', () => {
  it('puts back outs as the lock has them, without running anything', async () => {
    await settled();
    rig.write({ seed: 'changed', two: 'by hand' });
    rig.remove('one', 'three');
    expect((await rig.run(['checkout', '--force'])).code).toBe(0);
    expect([rig.read('one'), rig.read('two'), rig.read('three')]).toEqual(['1', '1p: 1\n', '1p: 1\n']);
    expect(rig.executed()).toEqual([]);
  });

  it('leaves an edited out alone whose content is nowhere else, unless forced', async () => {
    await settled();
    rig.write({ two: 'by hand' });
    rig.remove('three');
    const run = await rig.run(['checkout']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('--force');
    expect([rig.read('two'), rig.read('three')]).toEqual(['by hand', '1p: 1\n']);
  });

  it('replaces without asking what the cache could give back', async () => {
    await settled();
    const lock = rig.read('pipeline.lock');
    rig.write({ 'params.yaml': 'p: 2\n' });
    await rig.settle();
    rig.write({ 'pipeline.lock': lock });
    expect((await rig.run(['checkout'])).code).toBe(0);
    expect(rig.read('three')).toBe('1p: 1\n');
  });

  it('takes targets', async () => {
    await settled();
    rig.remove('one', 'two', 'three');
    expect((await rig.run(['checkout', 'second'])).code).toBe(0);
    expect([rig.has('one'), rig.has('two'), rig.has('three')]).toEqual([false, true, false]);
  });

  it('fails where the cache lacks the objects, and says which', async () => {
    await settled();
    rig.remove('one', 'cache/objects');
    const run = await rig.run(['checkout']);
    expect(run.code).toBe(1);
    expect(run.output).toContain('one');
  });
});

describe('commit', () => {
  it('accepts edited outs and deps of a stage', async () => {
    await settled();
    rig.write({ seed: '2', one: 'mine' });
    expect((await rig.run(['commit', 'first'])).code).toBe(0);
    expect((await rig.states())['first']).toBe('fresh');
    rig.remove('one');
    expect((await rig.repro(['first'])).restored).toEqual(['first']);
    expect(rig.read('one')).toBe('mine');
    expect(rig.executed()).toEqual([]);
  });

  it('refuses where an out is missing', async () => {
    prepare();
    const run = await rig.run(['commit', 'first']);
    expect(run.code).toBeGreaterThan(0);
    expect(run.stderr).toContain('one');
    expect(rig.has('pipeline.lock') && rig.read('pipeline.lock').includes('"first"')).toBe(false);
  });
});

describe('freeze and unfreeze', () => {
  const text =
    '# top\nstages:\n  first: # of all\n    cmd: cp seed one\n    deps: [seed]\n    outs: [one]\n  second:\n    frozen: true # for now\n    cmd: cp one two\n    deps: [one]\n    outs: [two]\n';

  it('change only the one key, and keep comments and layout', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(text);
    expect((await rig.run(['freeze', 'first'])).code).toBe(0);
    expect(await rig.states()).toEqual({ first: 'frozen', second: 'frozen' });
    expect((await rig.run(['unfreeze', 'first', 'second'])).code).toBe(0);
    const states = await rig.states();
    expect(Object.values(states)).not.toContain('frozen');
    for (const kept of ['# top', '# of all', '    deps: [seed]\n    outs: [one]\n'])
      expect(rig.read('pipeline.yaml')).toContain(kept);
  });

  it('twice is once, and an unknown stage is refused', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(text);
    expect((await rig.run(['freeze', 'first'])).code).toBe(0);
    const once = rig.read('pipeline.yaml');
    expect((await rig.run(['freeze', 'first'])).code).toBe(0);
    expect(rig.read('pipeline.yaml')).toBe(once);
    const unknown = await rig.run(['freeze', 'secnd']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/did you mean .*second/i);
    expect((await rig.run(['freeze'])).code).toBe(2);
  });
});

describe('gc', () => {
  /** One run for each value of p, the last one being the one in the lock. */
  async function runsOf(...values: readonly number[]): Promise<void> {
    rig.pipeline({ stages: { only: { cmd: step('only', 'grep p params.yaml > o'), params: ['p'], outs: ['o'] } } });
    for (const value of values) {
      rig.write({ 'params.yaml': `p: ${value}\n` });
      await rig.settle();
    }
  }
  const kept = (...values: readonly number[]): number[] =>
    values.filter((value) => rig.objectsWith(`p: ${value}\n`).length === 1);

  it('--workspace keeps what the lock references', async () => {
    await runsOf(1, 2, 3);
    expect((await rig.run(['gc', '--workspace'])).code).toBe(0);
    expect(kept(1, 2, 3)).toEqual([3]);
    expect((await rig.repro()).skipped).toEqual(['only']);
  });

  it('--dry removes nothing and says what it would', async () => {
    await runsOf(1, 2);
    const before = rig.snapshot();
    const run = await rig.run(['gc', '--workspace', '--dry']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/\d/);
    expect(rig.snapshot()).toEqual(before);
  });

  it('--keep-last N keeps the newest runs of each stage', async () => {
    await runsOf(1, 2, 3, 4);
    expect((await rig.run(['gc', '--keep-last', '2'])).code).toBe(0);
    expect(kept(1, 2, 3, 4)).toEqual([3, 4]);
  });

  it('--older-than removes older runs', async () => {
    await runsOf(1);
    rig.write({ 'params.yaml': 'p: 2\n' });
    await rig.settle([], { env: later(20) });
    rig.write({ 'params.yaml': 'p: 3\n' });
    await rig.settle([], { env: later(40) });
    expect((await rig.run(['gc', '--older-than', '30d'], { env: later(40) })).code).toBe(0);
    expect(kept(1, 2, 3)).toEqual([2, 3]);
  });

  it.each(['soon', '-3d', ''])('--older-than refuses %p', async (age) => {
    await runsOf(1);
    expect((await rig.run(['gc', '--older-than', age])).code).toBe(2);
    expect(kept(1)).toEqual([1]);
  });

  it('--all-branches keeps what the locks of all branches reference', async () => {
    const git = rig.git();
    rig.write({ '.gitignore': 'cache/\n.dagrun/\no\n' });
    await runsOf(1);
    git('add', '-A');
    git('commit', '-q', '-m', 'one');
    git('checkout', '-q', '-b', 'other');
    await runsOf(2);
    git('commit', '-q', '-a', '-m', 'two');
    git('checkout', '-q', 'main');
    await runsOf(3, 1);
    expect((await rig.run(['gc', '--all-branches'])).code).toBe(0);
    expect(kept(1, 2, 3)).toEqual([1, 2]);
    git('checkout', '-q', 'other');
    expect((await rig.repro()).executed).toEqual([]);
    expect(rig.read('o')).toBe('p: 2\n');
  });

  it('--all-branches without git is refused, and nothing is removed', async () => {
    await runsOf(1, 2);
    const run = await rig.run(['gc', '--all-branches'], { env: { GIT_CEILING_DIRECTORIES: rig.path('..') } });
    expect(run.code).toBeGreaterThan(0);
    expect(run.stderr).toMatch(/git/);
    expect(kept(1, 2)).toEqual([1, 2]);
  });
});

describe('cache', () => {
  it('a new cache folder hides itself from git, one that is there is left as it is', async () => {
    prepare();
    await rig.settle();
    expect(rig.read('cache/.gitignore')).toBe('*\n');
    rig.remove('cache/.gitignore');
    await rig.settle(['-f']);
    expect(rig.has('cache/.gitignore')).toBe(false);
  });

  it('verify ends with 0 when all is well, and with 1 naming what is damaged', async () => {
    await settled();
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
    const [object] = rig.objectsWith('1');
    rig.damage(object!, '2');
    const run = await rig.run(['cache', 'verify']);
    expect(run.code).toBe(1);
    expect(run.output).toContain(object!.replace('cache/objects/', '').replace('/', '').slice(0, 8));
    expect(rig.read(object!)).toBe('2');
  });

  it('verify --repair removes what is damaged; the next run makes it again', async () => {
    await settled();
    rig.damage(rig.objectsWith('1')[0]!, '2');
    const [entry] = rig.files('cache/runs');
    rig.damage(entry!, '{');
    expect((await rig.run(['cache', 'verify', '--repair'])).code).toBe(0);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
    expect(rig.objectsWith('2')).toEqual([]);
    rig.remove('one');
    await rig.good();
    expect(rig.read('one')).toBe('1');
  });

  it('stats tells size, objects and runs', async () => {
    await settled();
    rig.remove('one');
    await rig.settle();
    const run = await rig.run(['cache', 'stats']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/objects?\D+\d+|\d+ objects?/i);
    expect(run.stdout).toMatch(/runs?\D+\d+|\d+ runs?/i);
    expect(run.stdout).toMatch(/\d\s?(B|KB|KiB|kB|bytes)\b/);
  });

  it('merge takes over another cache folder', async () => {
    const pipeline = { stages: { only: { cmd: step('only', 'grep p params.yaml > o'), params: ['p'], outs: ['o'] } } };
    rig.write({ 'params.yaml': 'p: 1\n', '../two/params.yaml': 'p: 2\n' });
    rig.pipeline(pipeline);
    rig.pipeline(pipeline, '../two/pipeline.yaml');
    await rig.settle();
    await rig.settle([], { cwd: '../two' });
    expect((await rig.run(['cache', 'merge', '../two/cache'])).code).toBe(0);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
    rig.write({ 'params.yaml': 'p: 2\n' });
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('o')).toBe('p: 2\n');
  });

  it('merge takes nothing that is damaged, and refuses what is no cache folder', async () => {
    await settled();
    const before = rig.snapshot();
    mkdirSync(rig.path('../plain'));
    expect((await rig.run(['cache', 'merge', '../nowhere'])).code).toBeGreaterThan(0);
    expect(rig.snapshot()).toEqual(before);

    const pipeline = { stages: { only: { cmd: 'echo original > o', outs: ['o'] } } };
    rig.pipeline(pipeline, '../two/pipeline.yaml');
    await rig.settle([], { cwd: '../two' });
    const [object] = rig.files('../two/cache/objects').filter((path) => rig.read(path) === 'original\n');
    rig.damage(object!, 'tampered\n');
    const merge = await rig.run(['cache', 'merge', '../two/cache']);
    expect(merge.code).toBe(1);
    expect(merge.stderr).toContain(object!.slice(-30));
    expect(rig.objectsWith('tampered\n')).toEqual([]);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
  });

  it('objects are read-only', async () => {
    await settled();
    for (const path of rig.files('cache/objects')) expect(lstatSync(rig.path(path)).mode & 0o222).toBe(0);
  });

  it('an unknown part of cache is a usage error', async () => {
    prepare();
    expect((await rig.run(['cache', 'verfy'])).code).toBe(2);
    expect((await rig.run(['cache'])).code).toBe(2);
  });
});

describe('exit codes', () => {
  it('0 done, 1 failed, 2 usage or configuration, 3 locked, 130 interrupted', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const run = rig.start(['repro']);
    const command = await rig.started('only');
    expect((await rig.run(['repro'])).code).toBe(3);
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    await command.ended;
    rig.pipeline({ stages: { only: { cmd: 'exit 77' } } });
    expect((await rig.run(['repro'])).code).toBe(1);
    rig.pipeline({ stages: { only: { cmd: '' } } });
    expect((await rig.run(['repro'])).code).toBe(2);
    rig.pipeline({ stages: { only: { cmd: 'true' } } });
    expect((await rig.run(['repro'])).code).toBe(0);
  });

  it('a reader that goes away early is no crash', () => {
    prepare(group);
    const said = execFileSync('sh', ['-c', `"${process.execPath}" "${cliPath}" dag --full | head -n 1`], {
      cwd: rig.root,
      env: rig.env(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(said.trim()).not.toBe('');
  });

  it('a reader that goes away early does not end a run, nor change its exit code', () => {
    rig.pipeline({
      stages: {
        first: { cmd: step('first', 'sleep 0.3; echo 1 > a'), outs: ['a'] },
        second: { cmd: step('second', 'cat a > b'), deps: ['a'], outs: ['b'] },
        third: { cmd: step('third', 'exit 3'), deps: ['b'] },
      },
    });
    expect(codeWithReader('head -n 1', 'repro')).toBe('1\n');
    expect(rig.executed()).toEqual(['first', 'second', 'third']);
    expect(Object.keys((rig.readJson('pipeline.lock') as { stages: object }).stages)).toEqual(['first', 'second']);
    expect(rig.has('.dagrun/lock')).toBe(false);
  });

  it('a reader of messages that goes away early is no crash either', () => {
    rig.pipeline('stages: 1');
    expect(codeWithReader('true', 'status')).toBe('2\n');
  });
});

/** The exit code of a command whose output of both kinds goes to the reader. */
function codeWithReader(reader: string, command: string): string {
  const script = `("${process.execPath}" "${cliPath}" ${command} 2>&1; echo $? > code) | ${reader}`;
  execFileSync('sh', ['-c', script], { cwd: rig.root, env: rig.env(), stdio: ['ignore', 'pipe', 'pipe'] });
  return rig.read('code');
}
