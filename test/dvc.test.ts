// Real dvc.yaml files run unchanged. Each folder of fixtures/dvc holds a project, a list of changes to it, and what DVC itself made of them
// (see fixtures/dvc/record.py): the names and fields of all stages, the commands, and, change by change, which stages ran and what every
// file held afterwards. DVC is not needed to run this.

import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parsePipeline } from '../lib/pipeline/parse.ts';
import type { Out, Stage } from '../lib/pipeline/pipeline.ts';
import { useRig } from './rig.ts';
import type { EventLine } from './rig.ts';

interface StageRecord {
  readonly cmd: readonly string[];
  readonly wdir: string;
  readonly deps: readonly string[];
  readonly params: readonly (readonly [file: string, key: string])[];
  readonly outs: Readonly<Record<string, string>>;
  readonly frozen: boolean;
  readonly always_changed: boolean;
}

interface RunRecord {
  readonly change: string;
  readonly ran: readonly string[];
  readonly cached: readonly string[];
  /** MD5, its first 12 digits, by path. */
  readonly files: Readonly<Record<string, string>>;
}

interface Recorded {
  readonly stages: Readonly<Record<string, StageRecord>>;
  readonly runs: readonly RunRecord[];
}

interface Change {
  readonly name: string;
  readonly write?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

const rig = useRig();
const fixtures = fileURLToPath(new URL('fixtures/dvc/', import.meta.url));
const projects = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** What DVC recorded, without the blank lines of a text, which it runs as commands that do nothing. */
function readRecorded(project: string): Recorded {
  const { stages, runs } = readFixture(project, 'recorded.json') as Recorded;
  const said = Object.entries(stages).map(([name, stage]) => {
    const cmd = stage.cmd.filter((line) => line.trim() !== '');
    return [name, { ...stage, cmd, params: [...stage.params].sort(byText) }] as const;
  });
  return { stages: Object.fromEntries(said), runs };
}

function readFixture(project: string, name: string): unknown {
  return JSON.parse(readFileSync(`${fixtures}${project}/${name}`, 'utf8'));
}

function expand(project: string): readonly Stage[] {
  const folder = `${fixtures}${project}/project/`;
  const parsed = parsePipeline({
    file: 'dvc.yaml',
    lockFile: 'dvc.dagrun.lock',
    text: readFileSync(`${folder}dvc.yaml`, 'utf8'),
    readSource: (path) => (existsSync(folder + path) ? readFileSync(folder + path, 'utf8') : undefined),
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error, null, 2));
  return parsed.value.stages;
}

/** A stage in the words of the recording. */
function recordOf(stage: Stage): StageRecord {
  const outWords = (out: Out): string => `${out.label}${out.cache ? '' : ' uncached'}${out.persist ? ' persist' : ''}`;
  return {
    cmd: stage.cmd,
    wdir: stage.wdir === '' ? '.' : stage.wdir,
    deps: stage.deps.map((dep) => dep.path).sort(),
    params: stage.params.map(({ file, key }) => [file, key ?? '(whole)'] as const).sort(byText),
    outs: Object.fromEntries(stage.outs.map((out) => [out.path, outWords(out)])),
    frozen: stage.frozen,
    always_changed: stage.alwaysChanged,
  };
}

function byText(a: readonly string[], b: readonly string[]): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function filesOf(): Record<string, string> {
  const own = /^(\.dagrun\/|cache\/|dvc\.dagrun\.lock$)/;
  const digest = (path: string): string =>
    createHash('md5')
      .update(readFileSync(rig.path(path)))
      .digest('hex')
      .slice(0, 12);
  return Object.fromEntries(
    rig
      .files('.')
      .filter((path) => !own.test(path))
      .map((path) => [path, digest(path)]),
  );
}

function apply({ write, remove }: Change): void {
  rig.write(write ?? {});
  rig.remove(...(remove ?? []));
}

function commandsOf(events: readonly EventLine[]): Record<string, unknown> {
  const started = events.filter((event) => event.kind === 'stage-started');
  return Object.fromEntries(started.map((event) => [event.stage ?? '', event['command']] as const));
}

describe.each(projects)('the DVC project %s', (project) => {
  const recorded = readRecorded(project);
  const changes = readFixture(project, 'changes.json') as readonly Change[];

  it('expands to the same stages, in the same order, with the same commands, paths and parameters', () => {
    const stages = expand(project);
    expect(stages.map((stage) => stage.name)).toEqual(Object.keys(recorded.stages));
    for (const stage of stages)
      expect([stage.name, recordOf(stage)]).toEqual([stage.name, recorded.stages[stage.name]]);
  });

  it('runs as it stands; after each change the same stages do something, none executes that DVC has in its cache, and all files are the same', async () => {
    cpSync(`${fixtures}${project}/project`, rig.root, { recursive: true });
    const first = recorded.runs[0]!;
    const start = await rig.good(['--file', 'dvc.yaml']);
    const commands = Object.entries(recorded.stages).map(([name, { cmd }]) => [name, cmd.join(' && ')] as const);
    expect(commandsOf(start.events)).toEqual(Object.fromEntries(commands));
    expect([...start.executed].sort()).toEqual([...first.ran].sort());
    expect(filesOf()).toEqual(first.files);
    expect(recorded.runs.slice(1).map((run) => run.change)).toEqual(changes.map((change) => change.name));
    for (const [index, change] of changes.entries()) {
      const expected = recorded.runs[index + 1]!;
      apply(change);
      const run = await rig.good(['--file', 'dvc.yaml']);
      const touched = [...run.executed, ...run.restored].sort();
      expect([change.name, touched]).toEqual([change.name, [...expected.ran, ...expected.cached].sort()]);
      expect([change.name, run.executed.filter((name) => expected.cached.includes(name))]).toEqual([change.name, []]);
      expect([change.name, filesOf()]).toEqual([change.name, expected.files]);
    }
  });
});

describe('what DVC has and dagrun has not', () => {
  it.each([
    [
      'parameters in Python',
      '    params: [{ params.py: [lr] }]\n',
      '3:16: stage "s": params: "params.py" is a Python file',
    ],
    ['a dep that is an address', '    deps: [s3://bucket/x]\n', '3:12: stage "s": deps: "s3://bucket/x" is an address'],
    ['an out outside the workspace', '    outs: [../x]\n', '3:12: stage "s": outs: "../x" is outside the workspace'],
  ])('%s: refused with its place, and nothing runs', async (_title, field, message) => {
    rig.pipeline(`stages: { s: {\n    cmd: touch ran,\n${field}  } }\n`, 'dvc.yaml');
    const run = await rig.run(['--file', 'dvc.yaml', 'repro']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(`dvc.yaml:${message}`);
    expect(rig.has('ran')).toBe(false);
  });

  it('without --file, a folder with a dvc.yaml gets told how to run it', async () => {
    rig.pipeline('stages: {}\n', 'dvc.yaml');
    const run = await rig.run(['repro']);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('`dagrun --file dvc.yaml …`')]);
  });
});
