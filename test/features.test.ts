// What no peer has, or has differently: env, host, runs, relocatable, code, resources and pools, timeout, retries, progress, parallel stages.

import { describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import { controlled, elsewhere, isAlive, later, step, useRig } from './rig.ts';
import type { FakeCommand } from './rig.ts';

const rig = useRig();

/** For a shell: the resume folder of the stage. */
const resumeFolder = `$DAGRUN_ROOT/$(sed -n 's/.*"resume": "\\(.*\\)".*/\\1/p' "$DAGRUN_CONTEXT")`;

interface Context {
  readonly stage: string;
  readonly fingerprint: string;
  readonly root: string;
  readonly params: Record<string, Record<string, unknown>>;
  readonly deps: { path: string; kind: string; digest: string }[];
  readonly outs: { path: string; label: string }[];
  readonly runs: Record<
    string,
    {
      stage: string;
      fingerprint: string;
      at: string;
      seconds: number;
      params: Record<string, Record<string, unknown>>;
      metrics: Record<string, unknown>;
      deps: unknown;
      outs: { path: string; kind: string; digest: string; object?: string; files?: unknown[] }[];
    }[]
  >;
  readonly resources: Record<string, number>;
}

describe('context', () => {
  it('the child gets DAGRUN_STAGE, DAGRUN_ROOT and DAGRUN_CONTEXT with what the pipeline declares', async () => {
    rig.write({ 'sub/x': '', 'data.txt': '1', 'folder/y': '1', 'params.yaml': 'a: {b: 1.5}\nl: [1, two]\n' });
    rig.pipeline({
      stages: {
        only: {
          cmd: 'cp "$DAGRUN_CONTEXT" ../context.json; echo "$DAGRUN_STAGE $DAGRUN_ROOT" > env; echo 1 > m.json',
          wdir: 'sub',
          deps: ['../data.txt', '../folder'],
          params: [{ '../params.yaml': ['a.b', 'l'] }],
          outs: ['../context.json', 'env'],
          metrics: ['m.json'],
          resources: { cpu: 1, memory: '1M' },
        },
      },
    });
    await rig.good();
    const context = rig.readJson('context.json') as Context;
    expect(rig.read('sub/env')).toBe(`only ${rig.root}\n`);
    expect([context.stage, context.root]).toEqual(['only', rig.root]);
    expect(context.params).toEqual({ 'params.yaml': { 'a.b': 1.5, l: [1, 'two'] } });
    expect(context.deps.map(({ path, kind }) => [path, kind])).toEqual([
      ['data.txt', 'file'],
      ['folder', 'tree'],
    ]);
    for (const { digest } of context.deps) expect(digest).toMatch(/^[0-9a-f]{32}$/);
    expect(context.outs).toEqual([
      { path: 'context.json', label: 'out' },
      { path: 'sub/env', label: 'out' },
      { path: 'sub/m.json', label: 'metric' },
    ]);
    expect(context.resources).toMatchObject({ cpu: 1 });
  });

  const fingerprints = (...files: string[]): string[] =>
    files.map((file) => (rig.readJson(file) as { fingerprint: string }).fingerprint);
  const locked = (): Record<string, string> => {
    const { stages } = rig.readJson('pipeline.lock') as { stages: Record<string, { fingerprint: string }> };
    return Object.fromEntries(Object.entries(stages).map(([name, { fingerprint }]) => [name, fingerprint]));
  };

  it('the fingerprint is the one that the lock records, and another one for other inputs', async () => {
    rig.write({ in: '1' });
    rig.pipeline({
      stages: { only: { cmd: 'cp "$DAGRUN_CONTEXT" context.json', deps: ['in'], outs: ['context.json'] } },
    });
    await rig.good();
    const [first] = fingerprints('context.json');
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(locked()).toEqual({ only: first });
    rig.write({ in: '2' });
    await rig.good();
    expect(fingerprints('context.json')).toEqual([locked()['only']]);
    expect(locked()['only']).not.toBe(first);
  });

  it('what a command keeps in its resume folder outlives failures of the very same execution, and goes with success', async () => {
    const cmd = [
      `folder="${resumeFolder}"`,
      'mkdir -p "$folder" && echo step >> "$folder/steps" && cp "$folder/steps" steps',
      'test "$(wc -l < steps)" -ge 3',
    ].join('; ');
    rig.write({ in: '1' });
    rig.pipeline({ stages: { only: { cmd, deps: ['in'], outs: ['steps'] } } });
    expect((await rig.repro()).code).toBe(1);
    expect((await rig.repro()).code).toBe(1);
    // Other inputs find nothing of that.
    rig.write({ in: '2' });
    expect((await rig.repro()).code).toBe(1);
    expect(rig.read('steps')).toBe('step\n');
    rig.write({ in: '1' });
    await rig.good();
    expect(rig.read('steps')).toBe('step\n'.repeat(3));
    expect(rig.files('.dagrun/resume')).toHaveLength(1);
  });

  it('a relocatable stage that was renamed goes on from what it was interrupted with', async () => {
    const cmd = `folder="${resumeFolder}"; mkdir -p "$folder" && echo step >> "$folder/steps" && test "$(wc -l < "$folder/steps")" -ge 3 && echo done > $DAGRUN_STAGE.txt`;
    const stage = (name: string): object => ({ cmd, relocatable: true, outs: [`${name}.txt`] });
    const twin = { ...stage('twin'), frozen: true };
    rig.pipeline({ stages: { old: stage('old') } });
    expect((await rig.repro()).code).toBe(1);
    rig.pipeline({ stages: { new: stage('new'), twin } });
    expect((await rig.repro(['new'])).code).toBe(1);
    // What belongs to another stage of the pipeline is not taken.
    rig.pipeline({ stages: { new: { ...stage('new'), frozen: true }, twin: stage('twin') } });
    expect((await rig.repro(['twin'])).code).toBe(1);
    expect(readdirSync(rig.path('.dagrun/resume'))).toHaveLength(2);
    rig.pipeline({ stages: { newer: stage('newer'), twin } });
    await rig.good(['newer']);
    expect(rig.read('newer.txt')).toBe('done\n');
  });

  it('a resume folder goes only when the lock has the result', async () => {
    rig.write({ in: '1' });
    const cmd = `mkdir -p "${resumeFolder}" && echo 1 > o && exec "$RIG_NODE" "$RIG_FAKE" only`;
    rig.pipeline({ stages: { only: { cmd: [cmd], deps: ['in'], outs: ['o'] } } });
    const run = rig.start(['repro', '--no-commit']);
    const command = await rig.started('only');
    // The lock cannot be written.
    rig.write({ 'pipeline.lock/x': '' });
    await command.exit();
    expect((await run.end()).code).not.toBe(0);
    expect(readdirSync(rig.path('.dagrun/resume'))).toHaveLength(1);
    rig.remove('pipeline.lock');
    const again = rig.start(['repro', '--no-commit']);
    await (await rig.started('only')).exit();
    expect((await again.end()).code).toBe(0);
    expect(readdirSync(rig.path('.dagrun/resume'))).toEqual([]);
  });

  it('twins that run at once have resume folders of their own', async () => {
    const twin = (name: string): object => ({
      cmd: [`echo "${resumeFolder}" > $DAGRUN_STAGE.txt; exec "$RIG_NODE" "$RIG_FAKE" $DAGRUN_STAGE`],
      relocatable: true,
      outs: [`${name}.txt`],
    });
    rig.pipeline({ stages: { a: twin('a'), b: twin('b') } });
    const run = rig.start(['repro', '--no-run-cache', '-j', '2']);
    const commands = await Promise.all([rig.started('a'), rig.started('b')]);
    expect(rig.read('a.txt')).not.toBe(rig.read('b.txt'));
    for (const command of commands) await command.exit();
    expect((await run.end()).code).toBe(0);
  });

  it('no failure takes away the resume folder of a stage that is running or waits for its next run', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const fail = (name: string): object => ({
      cmd: [`mkdir -p "${resumeFolder}"; echo ${name}; exit 1`],
      deps: ['gate'],
    });
    rig.pipeline({
      stages: {
        long: { cmd: [`mkdir -p "${resumeFolder}" && exec "$RIG_NODE" "$RIG_FAKE" long`] },
        gate: { cmd: [controlled('gate')], outs: ['gate'] },
        ...Object.fromEntries(names.map((name) => [name, fail(name)])),
      },
    });
    const run = rig.start(['repro', '-k', '-j', '4']);
    const long = await rig.started('long');
    const gate = await rig.started('gate');
    await gate.write(rig.path('gate'), '');
    await gate.exit();
    await run.waitFor(() => run.stdout.split(': failed').length > names.length);
    expect(readdirSync(rig.path('.dagrun/resume'))).toHaveLength(41);
    await long.exit();
    expect((await run.end()).code).toBe(1);
    expect(readdirSync(rig.path('.dagrun/resume'))).toHaveLength(40);
  });

  it('an interrupted stage that is run again has the same fingerprint, and one whose inputs changed has not', async () => {
    const cmd = `cp "$DAGRUN_CONTEXT" "context-$(ls context-* 2>/dev/null | wc -l | tr -d ' ')"; ${controlled('only')}`;
    rig.write({ in: '1' });
    rig.pipeline({ stages: { only: { cmd: [cmd], deps: ['in'], outs: [{ checkpoint: { persist: true } }] } } });
    for (const round of ['half', 'more']) {
      const run = rig.start(['repro']);
      const command = await rig.started('only');
      await command.write(rig.path('checkpoint'), round);
      run.signal('SIGINT');
      expect((await run.end()).code).toBe(130);
    }
    const run = rig.start(['repro']);
    await (await rig.started('only')).exit();
    expect((await run.end()).code).toBe(0);
    const [first, ...others] = fingerprints('context-0', 'context-1', 'context-2');
    expect(others).toEqual([first, first]);
    expect(locked()).toEqual({ only: first });
    rig.write({ in: '2' });
    const last = rig.start(['repro']);
    await (await rig.started('only')).exit();
    await last.end();
    expect(fingerprints('context-3')).not.toEqual([first]);
  });

  it('relocatable twins have one fingerprint', async () => {
    const twin = (name: string): object => ({
      cmd: 'cp "$DAGRUN_CONTEXT" "$(node -p \'require(process.env.DAGRUN_CONTEXT).outs[0].path\')"',
      relocatable: true,
      outs: [`${name}.json`],
    });
    rig.pipeline({ stages: { a: twin('a'), b: twin('b') } });
    await rig.good(['--no-run-cache']);
    const [a, b] = fingerprints('a.json', 'b.json');
    expect(a).toBe(b);
    expect(locked()).toEqual({ a, b });
  });
});

describe('env', () => {
  const stage = { cmd: step('only', 'echo "$FLAVOUR" > o'), env: ['FLAVOUR'], outs: ['o'] };

  it('a declared variable is part of the fingerprint; set, unset and empty are three values', async () => {
    rig.pipeline({ stages: { only: stage } });
    const values: readonly Record<string, string>[] = [{ FLAVOUR: 'sweet' }, { FLAVOUR: 'sour' }, { FLAVOUR: '' }, {}];
    for (const env of values) {
      expect((await rig.states([], { env }))['only']).toBe('stale');
      await rig.settle([], { env });
      expect((await rig.repro([], { env })).skipped).toEqual(['only']);
    }
    for (const env of values) expect((await rig.repro([], { env })).executed).toEqual([]);
    expect(rig.executed()).toEqual([]);
  });

  it('a change is told by the name of the variable', async () => {
    rig.pipeline({ stages: { only: stage } });
    await rig.settle([], { env: { FLAVOUR: 'sweet' } });
    const { only } = await rig.status([], { env: { FLAVOUR: 'sour' } });
    expect(only!.reasons).toEqual([expect.objectContaining({ kind: 'env', key: 'FLAVOUR' })]);
  });

  it('a variable that is not declared is not tracked', async () => {
    rig.pipeline({ stages: { only: stage } });
    await rig.settle([], { env: { OTHER: '1' } });
    expect((await rig.repro([], { env: { OTHER: '2' } })).skipped).toEqual(['only']);
  });
});

describe('host', () => {
  it('another machine is another fingerprint, and each machine finds its own result again', async () => {
    rig.pipeline({
      stages: {
        time: { cmd: step('time', 'echo 1 > t'), host: true, outs: ['t'] },
        plain: { cmd: step('plain', 'echo 1 > p'), outs: ['p'] },
      },
    });
    await rig.settle();
    const status = await rig.status([], { env: elsewhere() });
    expect(status['time']).toMatchObject({ state: 'stale' });
    expect(status['time']!.reasons).toContainEqual(
      expect.objectContaining({ kind: 'host', to: expect.stringMatching(/imaginary/i) }),
    );
    expect(status['plain']).toMatchObject({ state: 'fresh' });
    await rig.settle([], { env: elsewhere() });
    const back = await rig.repro();
    expect([back.executed, back.restored]).toEqual([[], ['time']]);
  });
});

describe('runs', () => {
  const pipeline = {
    stages: {
      choose: {
        cmd: step('choose', 'cp "$DAGRUN_CONTEXT" context.json; echo chosen > chosen'),
        runs: ['evaluate'],
        outs: ['chosen'],
      },
      evaluate: {
        cmd: step(
          'evaluate',
          'mkdir -p model && grep p params.yaml > model/weights && printf \'{"acc": 0.%s}\' "$(grep -o "[0-9]*$" params.yaml)" > m.json',
        ),
        deps: ['data'],
        params: ['p'],
        outs: ['model'],
        metrics: ['m.json'],
      },
    },
  };

  function params(p: number): void {
    rig.write({ 'params.yaml': `p: ${p}\n`, data: '1' });
  }
  const history = (): Context['runs'][string] => (rig.readJson('context.json') as Context).runs['evaluate']!;

  it('the reader runs after the other group and is handed its whole history', async () => {
    rig.pipeline(pipeline);
    for (const p of [1, 2, 3]) {
      params(p);
      await rig.settle(['-j', '4']);
      expect(history()).toHaveLength(p);
    }
    const runs = history();
    expect(new Set(runs.map((run) => run.params['params.yaml']!['p']))).toEqual(new Set([1, 2, 3]));
    for (const run of runs) {
      expect(run).toMatchObject({
        stage: 'evaluate',
        fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/),
        seconds: expect.any(Number),
        deps: expect.anything(),
      });
      expect(Number.isNaN(Date.parse(run.at))).toBe(false);
      expect(run.metrics).toEqual({ 'm.json': { acc: Number(`0.${String(run.params['params.yaml']!['p'])}`) } });
      expect(run.outs.map(({ path, kind }) => [path, kind])).toEqual(
        expect.arrayContaining([
          ['model', 'tree'],
          ['m.json', 'file'],
        ]),
      );
    }
  });

  it('the history leads to the bytes of every run', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    params(2);
    await rig.settle();
    const [first] = history().filter((run) => run.params['params.yaml']!['p'] === 1);
    const metric = first!.outs.find((out) => out.path === 'm.json')!;
    expect(readFileSync(resolve(rig.root, metric.object!), 'utf8')).toBe('{"acc": 0.1}');
    expect(first!.outs.find((out) => out.path === 'model')!.files).toHaveLength(1);
  });

  it('a new run of the other group makes the reader stale; a restored one does not', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    expect((await rig.repro()).skipped.toSorted()).toEqual(['choose', 'evaluate']);
    params(2);
    const before = await rig.status();
    expect(before['choose']).toMatchObject({ state: 'unknown' });
    const second = await rig.repro();
    expect(second.executed).toEqual(['evaluate', 'choose']);
    rig.executed();
    params(1);
    const third = await rig.repro();
    expect([third.executed, third.restored, third.skipped]).toEqual([[], ['evaluate'], ['choose']]);
    expect(rig.executed()).toEqual([]);
  });

  it('a run that came by another way makes the reader stale, said as history', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    params(2);
    await rig.settle(['evaluate']);
    params(1);
    await rig.settle(['evaluate']);
    const { choose } = await rig.status();
    expect(choose).toMatchObject({ state: 'stale', reasons: [{ kind: 'history', key: 'evaluate' }] });
    expect((await rig.repro()).executed).toEqual(['choose']);
    expect(history()).toHaveLength(2);
  });

  it('the order in which runs were made does not matter', async () => {
    rig.pipeline(pipeline);
    rig.pipeline(pipeline, '../two/pipeline.yaml');
    for (const p of [1, 2, 3]) {
      params(p);
      await rig.settle(['evaluate']);
    }
    for (const p of [2, 1, 3]) {
      rig.write({ '../two/params.yaml': `p: ${p}\n`, '../two/data': '1' });
      await rig.settle(['evaluate'], { cwd: '../two' });
    }
    await rig.settle();
    await rig.settle([], { cwd: '../two' });
    const values = (file: string): unknown[] =>
      (rig.readJson(file) as Context).runs['evaluate']!.map((run) => [
        run.fingerprint,
        run.params['params.yaml']!['p'],
      ]);
    expect(values('../two/context.json')).toEqual(values('context.json'));
    // One history, one fingerprint: with the other's cache the result is a hit.
    const fingerprint = (lock: string): unknown =>
      (rig.readJson(lock) as { stages: Record<string, { fingerprint: string }> }).stages['choose']!.fingerprint;
    expect(fingerprint('../two/pipeline.lock')).toBe(fingerprint('pipeline.lock'));
  });

  it('the same bytes made again by force are no new history', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    await rig.settle(['-f', 'evaluate']);
    expect((await rig.repro()).executed).toEqual([]);
  });

  it('gc that removes runs makes the reader stale', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    params(2);
    await rig.settle();
    expect((await rig.run(['gc', '--workspace'])).code).toBe(0);
    expect((await rig.status())['choose']).toMatchObject({ state: 'stale', reasons: [{ kind: 'history' }] });
    await rig.settle();
    expect(history()).toHaveLength(1);
  });

  it('a reader that ran while an entry was lost is stale once the entry is back', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    const [entry] = rig.files('cache/runs').filter((path) => rig.read(path).includes('"stage":"evaluate"'));
    const text = rig.read(entry!);
    params(2);
    await rig.settle();
    // Lost, as in a cache that was copied in part; its marker stays.
    rig.remove(entry!);
    await rig.settle(['-f', 'choose']);
    expect(history()).toHaveLength(1);
    expect(await rig.states()).toEqual({ evaluate: 'fresh', choose: 'fresh' });
    rig.write({ [entry!]: text });
    params(1);
    // What it made of both runs is known; what it made of one is not taken for it.
    expect([...(await rig.good()).restored].sort()).toEqual(['choose', 'evaluate']);
  });

  it('a group of stages gives the runs of all its stages', async () => {
    rig.pipeline({
      stages: {
        evaluate: {
          foreach: ['a', 'b'],
          do: { cmd: step('evaluate-${item}', 'echo ${item} > score-${item}'), outs: ['score-${item}'] },
        },
        choose: pipeline.stages.choose,
      },
    });
    await rig.settle();
    expect(
      history()
        .map((run) => run.stage)
        .sort(),
    ).toEqual(['evaluate@a', 'evaluate@b']);
  });

  it('a group that there is not is a configuration error with a near miss', async () => {
    rig.pipeline({ stages: { ...pipeline.stages, choose: { ...pipeline.stages.choose, runs: ['evalute'] } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^pipeline\.yaml:\d+:\d+: .*evalute/m);
    expect(run.stderr).toMatch(/did you mean .*evaluate/i);
  });

  it('runs recorded at another time are the same history', async () => {
    rig.pipeline(pipeline);
    params(1);
    await rig.settle();
    rig.remove('model', 'm.json');
    expect((await rig.repro([], { env: later(3) })).executed).toEqual([]);
  });
});

describe('relocatable', () => {
  // Learns every path from the context, as a relocatable command must.
  const program = `const { readFileSync, writeFileSync, appendFileSync, mkdirSync, readdirSync, statSync } = require('node:fs');
const { dirname, join } = require('node:path');
const context = JSON.parse(readFileSync(process.env.DAGRUN_CONTEXT, 'utf8'));
const text = (path) => (statSync(path).isDirectory() ? readdirSync(path).sort().map((name) => text(join(path, name))).join('') : readFileSync(path, 'utf8'));
const inputs = context.deps.map(({ path }) => text(join(context.root, path)));
const units = Object.values(context.params).flatMap((values) => Object.values(values));
for (const { path } of context.outs) {
  mkdirSync(dirname(join(context.root, path)), { recursive: true });
  writeFileSync(join(context.root, path), JSON.stringify([units, inputs.slice(1)]));
}
appendFileSync(process.env.RIG_LOG, 'train\\n');
`;

  function models(pipeline: Record<string, number>, more: object = {}): void {
    const blocks = Object.entries(pipeline).map(([name, units]) => `  ${name}: {units: ${units}}\n`);
    rig.write({ 'train.cjs': program, 'params.yaml': `models:\n${blocks.join('')}` });
    rig.pipeline({
      stages: {
        train: {
          foreach: '${models}',
          do: {
            cmd: '"$RIG_NODE" train.cjs',
            relocatable: true,
            deps: ['train.cjs', 'data/in.txt'],
            params: ['models.${key}.units'],
            outs: ['artifacts/${key}/model.json'],
            ...more,
          },
        },
      },
    });
  }

  it('a renamed model of a foreach: no execution, its outs appear at the new path', async () => {
    rig.write({ 'data/in.txt': 'd' });
    models({ alpha: 3, beta: 5 });
    await rig.settle();
    models({ gamma: 3, beta: 5 });
    const status = await rig.status();
    expect(status['train@gamma']).toMatchObject({ state: 'restorable' });
    const run = await rig.repro();
    expect([run.code, run.restored, run.skipped]).toEqual([0, ['train@gamma'], ['train@beta']]);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('artifacts/gamma/model.json')).toBe('[[3],["d"]]');
    expect(new Set(Object.values(await rig.states()))).toEqual(new Set(['fresh']));
  });

  it.each(['1', '4'])('two models with the same parameters are trained once, with -j %s', async (jobs) => {
    rig.write({ 'data/in.txt': 'd' });
    models({ alpha: 3, twin: 3 });
    const run = await rig.repro(['-j', jobs]);
    expect([run.executed.length, run.restored.length]).toEqual([1, 1]);
    expect(rig.executed()).toEqual(['train']);
    expect(rig.files('artifacts')).toEqual(['artifacts/alpha/model.json', 'artifacts/twin/model.json']);
    models({ alpha: 3, twin: 3, third: 3 });
    expect((await rig.repro()).restored).toEqual(['train@third']);
    expect(rig.executed()).toEqual([]);
  });

  it('a renamed stage and moved folders of deps and outs: no execution', async () => {
    rig.write({ 'train.cjs': program, 'data/in.txt': 'd', 'params.yaml': 'units: 3\n' });
    const stage = { cmd: '"$RIG_NODE" train.cjs', relocatable: true, params: ['units'] };
    rig.pipeline({ stages: { train: { ...stage, deps: ['train.cjs', 'data'], outs: ['artifacts/model.json'] } } });
    await rig.settle();
    renameSync(rig.path('data'), rig.path('inputs'));
    rig.pipeline({ stages: { fit: { ...stage, deps: ['train.cjs', 'inputs'], outs: ['models/one/model.json'] } } });
    const run = await rig.repro();
    expect([run.code, run.restored]).toEqual([0, ['fit']]);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('models/one/model.json')).toBe('[[3],["d"]]');
  });

  it('a moved working folder: no execution', async () => {
    rig.write({ 'here/in.txt': 'd', 'there/in.txt': 'd', 'params.yaml': 'units: 3\n' });
    rig.write({ 'train.cjs': program });
    const stage = {
      cmd: '"$RIG_NODE" "$DAGRUN_ROOT/train.cjs"',
      relocatable: true,
      params: [{ '../params.yaml': ['units'] }],
      deps: ['../train.cjs', 'in.txt'],
      outs: ['model.json'],
    };
    rig.pipeline({ stages: { train: { ...stage, wdir: 'here' } } });
    await rig.settle();
    rig.pipeline({ stages: { train: { ...stage, wdir: 'there' } } });
    expect((await rig.repro()).restored).toEqual(['train']);
    expect(rig.read('there/model.json')).toBe('[[3],["d"]]');
  });

  it('deps count by position: swapped contents run again, swapped order of the same contents does too', async () => {
    rig.write({ 'train.cjs': program, a: '1', b: '2', 'params.yaml': 'units: 3\n' });
    const stage = { cmd: '"$RIG_NODE" train.cjs', relocatable: true, params: ['units'], outs: ['model.json'] };
    rig.pipeline({ stages: { train: { ...stage, deps: ['train.cjs', 'a', 'b'] } } });
    await rig.settle();
    rig.pipeline({ stages: { train: { ...stage, deps: ['train.cjs', 'b', 'a'] } } });
    expect((await rig.repro()).executed).toEqual(['train']);
    expect(rig.read('model.json')).toBe('[[3],["2","1"]]');
    // Names exchanged along with the order: every position holds what it held at first.
    rig.write({ a: '2', b: '1' });
    expect((await rig.repro()).restored).toEqual(['train']);
    expect(rig.read('model.json')).toBe('[[3],["1","2"]]');
    expect(rig.executed()).toEqual(['train']);
  });

  it.each<[string, () => void]>([
    ['a parameter value', () => models({ gamma: 4 })],
    [
      'the content of a dep',
      () => {
        models({ gamma: 3 });
        rig.write({ 'data/in.txt': 'other' });
      },
    ],
    [
      'the program',
      () => {
        models({ gamma: 3 });
        rig.write({ 'train.cjs': `${program}\n// changed\n` });
      },
    ],
    ['the command', () => models({ gamma: 3 }, { cmd: '"$RIG_NODE" ./train.cjs' })],
    [
      'the number of deps',
      () => {
        rig.write({ 'more.txt': '' });
        models({ gamma: 3 }, { deps: ['train.cjs', 'data/in.txt', 'more.txt'] });
      },
    ],
    [
      'the number of outs',
      () => models({ gamma: 3 }, { outs: ['artifacts/${key}/model.json', 'artifacts/${key}/more.json'] }),
    ],
  ])('what still runs again under a new name: %s', async (_, change) => {
    rig.write({ 'data/in.txt': 'd' });
    models({ alpha: 3 });
    await rig.settle();
    change();
    const run = await rig.repro();
    expect([run.code, run.executed]).toEqual([0, ['train@gamma']]);
    expect(rig.executed()).toEqual(['train']);
  });

  it('without relocatable a renamed model runs again', async () => {
    rig.write({ 'data/in.txt': 'd' });
    models({ alpha: 3 }, { relocatable: false });
    await rig.settle();
    models({ gamma: 3 }, { relocatable: false });
    expect((await rig.repro()).executed).toEqual(['train@gamma']);
  });

  it('explain speaks of a renamed stage in terms of the run it takes over', async () => {
    rig.write({ 'data/in.txt': 'd' });
    models({ alpha: 3 });
    await rig.settle();
    models({ gamma: 3 });
    const run = await rig.run(['explain', 'train@gamma']);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('train@alpha');
  });
});

describe('code', () => {
  const files = {
    'src/main.ts':
      "import { help } from './help.ts';\nimport data from './data.json' with { type: 'json' };\nimport { tool } from 'tool';\nexport { more } from './more/index.ts';\nconsole.log(help, data, tool, await import('./lazy.ts'));\n",
    'src/help.ts': "import type { T } from './types.ts';\nexport const help: T = 1;\n",
    'src/types.ts': 'export type T = number;\n',
    'src/data.json': '{}\n',
    'src/lazy.ts': "export const old = require('./old.cjs');\n",
    'src/old.cjs': 'module.exports = 1;\n',
    'src/more/index.ts': 'export const more = 1;\n',
    'src/unrelated.ts': 'export const unrelated = 1;\n',
    'node_modules/tool/package.json': '{"name": "tool", "version": "1.0.0", "main": "index.js"}\n',
    'node_modules/tool/index.js': 'exports.tool = 1;\n',
    'node_modules/other/package.json': '{"name": "other", "version": "1.0.0"}\n',
  };

  async function settled(): Promise<void> {
    rig.write(files);
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), code: ['src/main.ts'], outs: ['o'] } } });
    await rig.settle();
  }

  it.each(['src/main.ts', 'src/help.ts', 'src/data.json', 'src/lazy.ts', 'src/old.cjs', 'src/more/index.ts'])(
    'a traced file counts as a dep: %s',
    async (path) => {
      await settled();
      rig.write({ [path]: `${files[path as keyof typeof files]}\n` });
      expect((await rig.status())['only']).toMatchObject({ state: 'stale', reasons: [{ kind: 'code', key: path }] });
      expect((await rig.run(['status'])).stdout).toContain(path);
      expect((await rig.repro()).executed).toEqual(['only']);
      rig.write({ [path]: files[path as keyof typeof files] });
      expect((await rig.repro()).restored).toEqual(['only']);
    },
  );

  it('a file that is not imported, and a package that is not imported, do not count', async () => {
    await settled();
    rig.write({
      'src/unrelated.ts': '// changed\n',
      'node_modules/other/package.json': '{"name": "other", "version": "2.0.0"}\n',
      'node_modules/tool/readme.md': 'x',
    });
    expect((await rig.repro()).skipped).toEqual(['only']);
  });

  it('another version of an imported package counts, and is told old → new', async () => {
    await settled();
    rig.write({ 'node_modules/tool/package.json': '{"name": "tool", "version": "1.1.0", "main": "index.js"}\n' });
    expect((await rig.status())['only']).toMatchObject({
      state: 'stale',
      reasons: [{ kind: 'package', key: 'tool', from: '1.0.0', to: '1.1.0' }],
    });
    expect((await rig.run(['status'])).stdout).toMatch(/tool 1\.0\.0 → 1\.1\.0/);
    expect((await rig.repro()).executed).toEqual(['only']);
  });

  it('a new import is followed from then on', async () => {
    await settled();
    rig.write({ 'src/help.ts': `${files['src/help.ts']}import './unrelated.ts';\n` });
    await rig.settle();
    rig.write({ 'src/unrelated.ts': '// changed\n' });
    expect((await rig.status())['only']!.reasons).toEqual([
      expect.objectContaining({ kind: 'code', key: 'src/unrelated.ts' }),
    ]);
  });

  it('tsconfig paths are followed', async () => {
    rig.write({
      'tsconfig.json':
        '{\n  // aliases\n  "compilerOptions": {"baseUrl": ".", "paths": {"@lib/*": ["library/*"]}}\n}\n',
      'library/deep.ts': 'export const deep = 1;\n',
      'main.ts': "import '@lib/deep';\n",
    });
    rig.pipeline({ stages: { only: { cmd: step('only'), code: ['main.ts'] } } });
    await rig.settle();
    rig.write({ 'library/deep.ts': 'export const deep = 2;\n' });
    expect((await rig.status())['only']!.reasons).toEqual([
      expect.objectContaining({ kind: 'code', key: 'library/deep.ts' }),
    ]);
  });

  it('a circle of imports ends', async () => {
    rig.write({ 'a.ts': "import './b.ts';\n", 'b.ts': "import './a.ts';\n" });
    rig.pipeline({ stages: { only: { cmd: step('only'), code: ['a.ts'] } } });
    await rig.good();
  });

  it('a missing entry file stops the stage before it runs, and status tells', async () => {
    rig.write({ 'src/main.ts': null });
    rig.pipeline({ stages: { only: { cmd: step('only'), code: ['src/main.ts'] } } });
    expect((await rig.status())['only']!.reasons).toContainEqual(expect.objectContaining({ kind: 'code-error' }));
    const run = await rig.run(['repro']);
    expect(run.code).toBeGreaterThan(0);
    expect(run.output).toContain('src/main.ts');
    expect(rig.executed()).toEqual([]);
  });

  it('a file made by a stage above can be code', async () => {
    rig.write({ seed: 'export const a = 1;\n' });
    rig.pipeline({
      stages: {
        use: { cmd: step('use'), code: ['gen/main.ts'] },
        make: { cmd: step('make', 'cp seed gen/main.ts'), deps: ['seed'], outs: ['gen/main.ts'] },
      },
    });
    expect((await rig.repro(['-j', '4'])).executed).toEqual(['make', 'use']);
    rig.write({ seed: 'export const a = 2;\n' });
    expect((await rig.repro(['-j', '4'])).executed).toEqual(['make', 'use']);
  });
});

describe('parallel stages', () => {
  function wide(names: readonly string[], stage: (name: string) => object = () => ({})): void {
    rig.pipeline({
      stages: Object.fromEntries(names.map((name) => [name, { cmd: controlled(name), ...stage(name) }])),
    });
  }
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];

  /** Lets every command through one by one, and returns how many ran at once at most, and whether `holds` was true at every start. */
  async function drain(
    args: readonly string[],
    stages: readonly string[],
    atOnce: number,
    holds: (live: readonly string[]) => boolean = () => true,
  ): Promise<number> {
    let most = 0;
    let violated: readonly string[] | undefined;
    rig.onStart = () => {
      const live = [...rig.live].map((command) => command.name);
      most = Math.max(most, live.length);
      if (!holds(live)) violated ??= live;
    };
    const run = rig.start(['repro', ...args]);
    const queue: FakeCommand[] = [];
    let arrived = 0;
    const arrivals = stages.map(async (name) => {
      queue.push(await rig.started(name));
      arrived++;
    });
    for (let released = 0; released < stages.length; released++) {
      // As many as can run have started before one of them ends: one too many would show up meanwhile.
      const expected = Math.min(released + atOnce, stages.length);
      await run.waitFor(() => arrived >= expected);
      await queue.shift()!.exit(0);
    }
    await Promise.all(arrivals);
    expect((await run.end()).code).toBe(0);
    expect(violated).toBeUndefined();
    return most;
  }

  it('a 4-wide diamond on -j 4 runs its middles really at once', async () => {
    rig.write({ seed: '1' });
    const middles = ['m1', 'm2', 'm3', 'm4'];
    rig.pipeline({
      stages: {
        top: { cmd: step('top', 'cp seed t'), deps: ['seed'], outs: ['t'] },
        ...Object.fromEntries(middles.map((name) => [name, { cmd: controlled(name), deps: ['t'], outs: [name] }])),
        join: { cmd: step('join', 'cat m1 m2 m3 m4 > j'), deps: middles, outs: ['j'] },
      },
    });
    const run = rig.start(['repro', '-j', '4']);
    // None is let go before all four have met here.
    const commands = await Promise.all(middles.map((name) => rig.started(name)));
    expect(rig.live.size).toBe(4);
    for (const command of commands) {
      await command.write(command.name, command.name);
      await command.exit(0);
    }
    expect((await run.end()).code).toBe(0);
    expect(rig.read('j')).toBe('m1m2m3m4');
  });

  it.each([1, 2, 3])('-j %i is used in full and never exceeded', async (jobs) => {
    wide(names);
    expect(await drain(['-j', String(jobs)], names, jobs)).toBe(jobs);
  });

  it('a pool is used in full and never oversubscribed, whatever -j says', async () => {
    rig.pipeline({
      pools: { gpu: 2 },
      stages: Object.fromEntries(names.map((name) => [name, { cmd: controlled(name), resources: { gpu: 1 } }])),
    });
    expect(await drain(['-j', '6'], names, 2)).toBe(2);
  });

  it('stages that take more than one of a pool share it exactly', async () => {
    const weights: Record<string, number> = { a: 3, b: 1, c: 2, d: 1, e: 2, f: 3 };
    rig.pipeline({
      pools: { gpu: 3 },
      stages: Object.fromEntries(
        names.map((name) => [name, { cmd: controlled(name), resources: { gpu: weights[name] } }]),
      ),
    });
    await drain(['-j', '6'], names, 1, (live) => live.reduce((sum, name) => sum + weights[name]!, 0) <= 3);
  });

  it('cpu counts against -j', async () => {
    const cpus: Record<string, number> = { a: 2, b: 2, c: 1, d: 1, e: 1, f: 2 };
    wide(names, (name) => ({ resources: { cpu: cpus[name] } }));
    await drain(['-j', '3'], names, 1, (live) => live.reduce((sum, name) => sum + cpus[name]!, 0) <= 3);
  });

  it('a stage that asks for more than -j gives still runs, alone', async () => {
    wide(['a', 'b', 'c'], (name) => (name === 'b' ? { resources: { cpu: 8 } } : {}));
    await drain(['-j', '2'], ['a', 'b', 'c'], 1, (live) => !live.includes('b') || live.length === 1);
  });

  it('memory is a pool with units', async () => {
    rig.pipeline({
      pools: { memory: '4G' },
      stages: Object.fromEntries(
        names.map((name) => [name, { cmd: controlled(name), resources: { memory: '2048M' } }]),
      ),
    });
    expect(await drain(['-j', '6'], names, 2)).toBe(2);
  });

  it('a stage that asks for more than a pool has is a configuration error', async () => {
    rig.pipeline({ pools: { gpu: 1 }, stages: { only: { cmd: step('only'), resources: { gpu: 2 } } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^pipeline\.yaml:\d+:\d+: .*gpu/m);
    expect(rig.executed()).toEqual([]);
  });

  it('resources are not part of the fingerprint', async () => {
    rig.pipeline({ pools: { gpu: 2 }, stages: { only: { cmd: step('only'), resources: { gpu: 1 } } } });
    await rig.settle();
    rig.pipeline({
      pools: { gpu: 4 },
      stages: { only: { cmd: step('only'), resources: { gpu: 3 }, timeout: 60, retries: 1 } },
    });
    expect(await rig.states()).toEqual({ only: 'fresh' });
  });

  it('a failure lets those that run come to their end, and starts no other', async () => {
    rig.pipeline({
      stages: {
        bad: { cmd: controlled('bad') },
        good: { cmd: controlled('good'), outs: ['g'] },
        never: { cmd: step('never', 'cp g n'), deps: ['g'], outs: ['n'] },
      },
    });
    const run = rig.start(['repro', '--json', '-j', '2']);
    const [bad, good] = await Promise.all([rig.started('bad'), rig.started('good')]);
    await bad.exit(1);
    await run.waitFor(() => run.stdout.includes('stage-failed'));
    await good.write('g', '1');
    await good.exit(0);
    expect((await run.end()).code).toBe(1);
    expect(rig.executed()).not.toContain('never');
    expect((await rig.states())['good']).toBe('fresh');
  });
});

describe('timeout and retries', () => {
  it('timeout ends the stage and everything it started, as a failure that says so', async () => {
    rig.pipeline({ stages: { only: { cmd: '"$RIG_NODE" "$RIG_FAKE" inner; true', timeout: 1 } } });
    const run = rig.start(['repro']);
    const inner = await rig.started('inner');
    const end = await run.end();
    expect(end.code).toBe(1);
    expect(end.output).toMatch(/tim(ed|e) ?out|took longer/i);
    expect(isAlive(inner.pid)).toBe(false);
    expect((await rig.states())['only']).toBe('stale');
  });

  it('retries: the third attempt may be the good one', async () => {
    rig.pipeline({
      stages: {
        only: { cmd: step('only', 'test "$(wc -l < "$RIG_LOG")" -ge 3 && echo 1 > o'), retries: 2, outs: ['o'] },
      },
    });
    const run = await rig.repro();
    expect([run.code, run.executed]).toEqual([0, ['only']]);
    expect(run.events.filter((event) => event.kind === 'stage-started').map((event) => event['attempt'])).toEqual([
      1, 2, 3,
    ]);
    expect(rig.executed()).toEqual(['only', 'only', 'only']);
  });

  it('retries: not more than asked for, and each attempt starts clean', async () => {
    rig.pipeline({
      stages: { only: { cmd: step('only', 'test ! -e o && touch o && exit 6'), retries: 1, outs: ['o'] } },
    });
    const run = await rig.repro();
    expect([run.code, run.failed]).toEqual([1, ['only']]);
    expect(run.summary).toMatchObject({ failed: 1, executed: 0 });
    expect(rig.executed()).toEqual(['only', 'only']);
    expect(run.events.find((event) => event.kind === 'stage-failed')!['message']).toContain('6');
  });

  it('an interrupted stage is not tried again', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only'), retries: 5 } } });
    const run = rig.start(['repro']);
    await rig.started('only');
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    expect(rig.executed()).toEqual(['only']);
  });
});

describe('::progress', () => {
  it('becomes an event while the stage runs', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const run = rig.start(['repro', '--json']);
    const command = await rig.started('only');
    await command.print('::progress 0.42 epoch 5/12 val_acc=0.31\n');
    await run.waitFor(() => run.stdout.includes('stage-progress'));
    await command.print('::progress 1\n::progress nonsense\n::progress 7 too far\n');
    await command.exit(0);
    const { stdout, code } = await run.end();
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; fraction?: number; text?: string });
    const progress = events.filter((event) => event.kind === 'stage-progress');
    expect(progress[0]).toMatchObject({ stage: 'only', fraction: 0.42, text: 'epoch 5/12 val_acc=0.31' });
    for (const { fraction } of progress) expect(fraction! >= 0 && fraction! <= 1).toBe(true);
    expect(progress.some((event) => event.text?.includes('nonsense'))).toBe(false);
  });

  it('does not flood plain output', async () => {
    rig.pipeline({ stages: { only: { cmd: 'for i in 1 2 3 4 5 6 7 8 9; do echo "::progress 0.$i step $i"; done' } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(0);
    expect(run.output).not.toContain('::progress 0.5 step 5');
  });
});
