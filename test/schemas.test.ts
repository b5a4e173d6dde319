// `schemas:` with the real program: parameter files are checked before the first command starts, and never when nothing is to be done.

import { describe, expect, it } from '@jest/globals';
import { step, useRig } from './rig.ts';

const rig = useRig();

const schema = {
  type: 'object',
  properties: { lr: { type: 'number', exclusiveMinimum: 0 }, schedule: { enum: ['constant', 'cosine'] } },
  required: ['lr'],
  additionalProperties: false,
};

/** Two stages in a row, of which only the second reads the file. */
function pipeline(schemas: Readonly<Record<string, string>> = { 'params.yaml': 'rules/p.schema.json' }): void {
  rig.pipeline({
    schemas,
    stages: {
      first: { cmd: step('first', 'cp in a'), deps: ['in'], outs: ['a'] },
      second: { cmd: step('second', 'cp a b'), deps: ['a'], params: ['lr'], outs: ['b'] },
    },
  });
}

function files(more: Readonly<Record<string, string | null>> = {}): void {
  rig.write({ in: '1', 'params.yaml': 'lr: 0.1\n', 'rules/p.schema.json': JSON.stringify(schema), ...more });
}

const faulty = 'schedule: cosin\nlr: -1\n\nlrr: 2\n';
const faults = `params.yaml:1:11: schedule: expected constant, cosine, got text "cosin"
  hint: did you mean "cosine"?
params.yaml:2:5: lr: expected a number over 0, got -1
params.yaml:4:1: unknown key "lrr"
  hint: did you mean "lr"?
`;

describe('faults of a parameter file', () => {
  it('are all reported before anything runs, with exit code 2', async () => {
    pipeline();
    files({ 'params.yaml': faulty });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(faults);
    expect(rig.executed()).toEqual([]);
    expect(rig.has('pipeline.lock')).toBe(false);
  });

  it('are reported by status and by a dry run as well, which name no stages then', async () => {
    pipeline();
    files({ 'params.yaml': faulty });
    for (const args of [
      ['status'],
      ['status', '--json'],
      ['status', '--quiet'],
      ['repro', '--dry'],
      ['repro', '--dry', '--json'],
    ]) {
      const run = await rig.run(args);
      expect([args, run.code, run.stderr.includes(faults)]).toEqual([args, 2, true]);
      expect(run.stdout).not.toContain('first');
    }
  });

  it('lose nothing: outs and lock stay, and the run goes on when they are mended', async () => {
    pipeline();
    files();
    await rig.settle();
    const before = rig.snapshot();
    files({ 'params.yaml': faulty });
    expect((await rig.run(['repro'])).code).toBe(2);
    files();
    expect(rig.snapshot()).toEqual(before);
    expect((await rig.good()).skipped).toEqual(['first', 'second']);
    files({ 'params.yaml': 'lr: 0.2\n' });
    expect((await rig.good()).executed).toEqual(['second']);
  });

  it('are reported also where the stage to be run does not read the file', async () => {
    pipeline();
    files();
    await rig.settle();
    files({ 'params.yaml': 'lr: 0.1\nlrr: 2\n', in: '2' });
    expect((await rig.run(['repro', 'first'])).stderr).toContain('params.yaml:2:1: unknown key "lrr"');
    expect(rig.executed()).toEqual([]);
  });

  it('do not matter where nothing is to be executed', async () => {
    pipeline();
    files();
    await rig.settle();
    files({ 'params.yaml': 'lr: 0.1\nlrr: 2\n' });
    rig.remove('b');
    const run = await rig.good();
    expect([run.skipped, run.restored]).toEqual([['first'], ['second']]);
    expect(await rig.states()).toEqual({ first: 'fresh', second: 'fresh' });
  });

  it('have places in JSON, and keys in TOML', async () => {
    pipeline({ 'p.json': 'rules/p.schema.json', 'p.toml': 'rules/p.schema.json' });
    files({ 'p.json': '{\n "lr": "x"}', 'p.toml': 'lr = "x"\n' });
    expect((await rig.run(['repro'])).stderr).toContain(
      'p.json:2:8: lr: expected a number over 0, got text "x"\np.toml: lr: expected a number over 0, got text "x"\n',
    );
  });
});

describe('the schema', () => {
  it('is no dep: an edit runs nothing', async () => {
    pipeline();
    files();
    await rig.settle();
    files({ 'rules/p.schema.json': '{"type": "object", "required": ["nothing"]}' });
    expect((await rig.good()).skipped).toEqual(['first', 'second']);
    rig.write({ in: '2' });
    expect((await rig.run(['repro'])).stderr).toContain('params.yaml:1:1: "nothing" is missing\n');
  });

  it.each([
    [
      { 'rules/p.schema.json': null },
      'pipeline.yaml:3:20: the schema "rules/p.schema.json" does not exist\n  hint: create it',
    ],
    [{ 'params.yaml': null }, 'pipeline.yaml:3:5: the parameter file "params.yaml" does not exist\n  hint: create it'],
    [{ 'rules/p.schema.json': '{"type": ' }, 'rules/p.schema.json:1:'],
    [{ 'rules/p.schema.json': '{"type": "strng"}' }, 'rules/p.schema.json:1:10: type: expected array, '],
    [
      { 'rules/p.schema.json': '{"tipe": 1}' },
      'rules/p.schema.json:1:2: unknown keyword "tipe"\n  hint: did you mean "type"?',
    ],
    [{ 'rules/p.schema.json': '{"$ref": "#/$defs/x"}' }, 'rules/p.schema.json:1:10: $ref: "#/$defs/x" leads nowhere'],
  ])('and the file are there and make sense: %j', async (broken, expected) => {
    pipeline();
    files(broken);
    const run = await rig.run(['repro', 'first']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(expected);
    expect(rig.executed()).toEqual([]);
  });

  it('that several files share is reported once', async () => {
    pipeline({ 'params.yaml': 'rules/p.schema.json', 'p.json': 'rules/p.schema.json' });
    files({ 'p.json': '{}', 'rules/p.schema.json': '{"tipe": 1}' });
    expect((await rig.run(['repro'])).stderr.split('unknown keyword')).toHaveLength(2);
  });
});

describe('a parameter file that a stage makes', () => {
  const made = (command: string): void =>
    rig.pipeline({
      schemas: { 'made/p.json': 'rules/p.schema.json' },
      stages: {
        make: { cmd: step('make', command), deps: ['in'], outs: ['made'] },
        use: { cmd: step('use'), params: [{ 'made/p.json': ['lr'] }] },
      },
    });

  it('is checked when the stage has run, not before', async () => {
    made(`mkdir made; echo '{"lr": 1}' > made/p.json`);
    files({ 'made/p.json': '{"lr": "left from long ago"}' });
    expect((await rig.good()).executed).toEqual(['make', 'use']);
  });

  it('fails the stage where it does not fit', async () => {
    made(`mkdir made; echo '{"lr": -1, "lrr": 1}' > made/p.json`);
    files();
    const run = await rig.repro();
    expect([run.code, run.failed, run.blocked]).toEqual([1, ['make'], ['use']]);
    expect(run.stdout).toContain('made/p.json:1:8: lr: expected a number over 0, got -1 (and 1 more)');
    expect(rig.executed()).toEqual(['make']);
  });
});

it('a dvc.yaml and a pipeline without schemas are as ever', async () => {
  rig.pipeline('stages: {only: {cmd: echo 1 > o, outs: [o]}}', 'dvc.yaml');
  expect((await rig.good(['--file', 'dvc.yaml'])).executed).toEqual(['only']);
});
