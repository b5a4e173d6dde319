// Observes what one stage reads, and makes fingerprint parts of it. Changes nothing.

import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { isPresent } from '../core/observation.ts';
import type { Observation, Present } from '../core/observation.ts';
import { overlaps } from '../core/path.ts';
import type { Reason } from '../core/reason.ts';
import { encodeValue, lookUp } from '../core/value.ts';
import type { Value, ValueText } from '../core/value.ts';
import type { Dep, ParamDep, Stage, StageName } from '../pipeline/pipeline.ts';
import type { Inputs } from '../plan/decide.ts';
import { differences, fingerprintOf, fingerprintParts, locateReasons } from '../plan/fingerprint.ts';
import type { StageInputs } from '../plan/fingerprint.ts';
import type { FingerprintParts } from '../plan/parts.ts';
import { clusterHost, executorOf, slurmSettingsOf } from '../plan/placement.ts';
import type { CodeTrace } from '../plan/ports.ts';
import type { LockEntry } from '../plan/record.ts';
import type { Project } from './project.ts';

/** What the stages above will have made when this one's turn comes. */
export interface Outlook {
  /** What a path will hold once the stage `by` has been restored, or null as it has yet to run; undefined: what is there now. */
  expect(
    stage: number,
    dep: Pick<Dep, 'path' | 'kind'>,
  ): { readonly by: StageName; readonly content: Present | null } | undefined;
  /** The first stage of a group that has yet to add to the history, if there is one. */
  expectHistory(stage: number, group: string): StageName | undefined;
}

/** In a real run everything above has settled: the disk tells all. */
export const settled: Outlook = { expect: () => undefined, expectHistory: () => undefined };

export interface GatherOptions {
  readonly outlook: Outlook;
  /** Missing deps are taken to be what the lock recorded: the outs of all its entries by path. Null: they are problems. */
  readonly remembered: ReadonlyMap<string, Present> | null;
  /** The lock entry of the stage. */
  readonly lock: LockEntry | undefined;
}

interface Gathering {
  readonly problems: Reason[];
  /** Missing deps that are taken to be what the lock recorded. */
  readonly assumed: Reason[];
  readonly upstream: Set<StageName>;
  /** Fingerprint keys, or whole kinds, whose values are not known yet. */
  readonly open: Set<string>;
}

const placeholder: Present = { kind: 'file', digest: '0'.repeat(32) as Digest, size: 0, executable: false };
const emptyTrace: CodeTrace = { files: {}, packages: {} };

/** Observes the inputs of a stage. Reads the workspace only; what is missing becomes reasons, never an exception. */
export async function gatherInputs(project: Project, index: number, options: GatherOptions): Promise<Inputs> {
  const stage = project.graph.stages[index]!;
  const gathering: Gathering = { problems: [], assumed: [], upstream: new Set(), open: new Set() };
  const deps = await gatherDeps(project, index, options, gathering);
  const params = await gatherParams(project, index, options, gathering);
  const code = await gatherCode(project, index, options, gathering);
  const inputs: StageInputs = {
    deps,
    params,
    code,
    env: environmentDigests(project, stage),
    host: stage.host ? machineOf(project, stage) : {},
    runs: gatherRuns(project, index, options, gathering),
  };
  if (gathering.problems.length > 0) return { kind: 'broken', reasons: gathering.problems };
  const parts = fingerprintParts(stage, inputs);
  if (gathering.upstream.size === 0)
    return { kind: 'known', parts, fingerprint: fingerprintOf(parts), assumed: gathering.assumed };
  return {
    kind: 'unknown',
    upstream: [...gathering.upstream],
    changed: certainChanges(stage, options.lock, parts, gathering.open),
  };
}

function certainChanges(
  stage: Stage,
  lock: LockEntry | undefined,
  parts: FingerprintParts,
  open: ReadonlySet<string>,
): Reason[] {
  if (lock === undefined) return [];
  const certain = differences(lock.parts, parts).filter(
    (reason) => !open.has(reason.kind) && !('key' in reason && open.has(`${reason.kind} ${reason.key}`)),
  );
  return locateReasons(stage, certain);
}

async function gatherDeps(
  project: Project,
  index: number,
  options: GatherOptions,
  gathering: Gathering,
): Promise<Present[]> {
  const stage = project.graph.stages[index]!;
  const found: Present[] = [];
  for (const [position, dep] of stage.deps.entries()) {
    const key = stage.relocatable ? String(position) : dep.path;
    const expected = options.outlook.expect(index, dep);
    if (expected !== undefined) {
      if (expected.content === null) noteUnknown(gathering, expected.by, `dep ${key}`);
      found.push(expected.content ?? placeholder);
      continue;
    }
    const looked = dep.kind === 'glob' ? project.files.observeGlob(dep.path) : project.files.observe(dep.path);
    const seen = looked instanceof Promise ? await looked : looked;
    const remembered = seen.kind === 'missing' ? rememberedDep(dep.path, key, options) : undefined;
    const content = isPresent(seen) && !isEmptyGlob(dep, seen) ? seen : remembered;
    if (content === undefined || !isPresent(seen)) {
      const problem = depProblem(project, stage, dep.path, seen);
      (remembered === undefined ? gathering.problems : gathering.assumed).push(problem);
    }
    found.push(content ?? placeholder);
  }
  return found;
}

/** What a missing dep was: the out of the stage that makes it, as the lock has it, else what this stage's own entry recorded. */
function rememberedDep(path: string, key: string, options: GatherOptions): Present | undefined {
  if (options.remembered === null) return undefined;
  const made = options.remembered.get(path);
  if (made !== undefined) return made;
  const recorded = /^(?:(tree|executable) )?([0-9a-f]{32})$/.exec(options.lock?.parts.dep?.[key] ?? '');
  if (recorded === null) return undefined;
  const digest = recorded[2] as Digest;
  if (recorded[1] === 'tree') return { kind: 'tree', digest, size: 0, files: 0 };
  return { kind: 'file', digest, size: 0, executable: recorded[1] === 'executable' };
}

/** Nothing matches: more likely a typing error than a wish. */
function isEmptyGlob(dep: Dep, seen: Present): boolean {
  return dep.kind === 'glob' && seen.kind === 'tree' && seen.files === 0;
}

/** Why a dep cannot be had, with what to do next. */
export function depProblem(project: Project, stage: Stage, path: string, seen: Observation): Reason {
  if (seen.kind === 'unreadable') return { kind: 'dep-unreadable', path, message: seen.reason };
  const maker = project.graph.stages.find(
    (other) => other !== stage && other.outs.some((out) => overlaps(out.path, path)),
  );
  const hint =
    maker === undefined
      ? 'no stage makes it: create it, correct the path, or add it to the outs of the stage that writes it'
      : `stage "${maker.name}" makes it: run \`dagrun repro ${maker.name}\``;
  return { kind: 'dep-missing', path, hint };
}

async function gatherParams(
  project: Project,
  index: number,
  options: GatherOptions,
  gathering: Gathering,
): Promise<ValueText[]> {
  const stage = project.graph.stages[index]!;
  const found: ValueText[] = [];
  for (const param of stage.params) {
    const key = `${param.file}:${stage.relocatable ? param.template : (param.key ?? '')}`;
    if (noteOpen(options.outlook, index, param.file, [`param ${key}`], gathering)) {
      found.push('null');
      continue;
    }
    const looked = project.files.params(param.file);
    const document = looked instanceof Promise ? await looked : looked;
    const value = document.ok ? selectParam(document.value, param) : undefined;
    if (value === undefined) {
      const message = document.ok ? `${param.file} has no such key` : document.error.message;
      gathering.problems.push({ kind: 'param-missing', key: `${param.file}:${param.key ?? ''}`, message });
    }
    found.push(value === undefined ? 'null' : encodeValue(value));
  }
  return found;
}

/** The value that a params entry names; undefined where there is none (null is a value). */
export function selectParam(document: Value, param: ParamDep): Value | undefined {
  return param.key === null ? document : lookUp(document, param.key);
}

async function gatherCode(
  project: Project,
  index: number,
  options: GatherOptions,
  gathering: Gathering,
): Promise<CodeTrace[]> {
  const traces: CodeTrace[] = [];
  for (const code of project.graph.stages[index]!.code) {
    if (noteOpen(options.outlook, index, code.path, ['code', 'package'], gathering)) {
      traces.push(emptyTrace);
      continue;
    }
    const tracer = await project.tracer();
    const looked = tracer.trace(code.path);
    const trace = looked instanceof Promise ? await looked : looked;
    if (!trace.ok) gathering.problems.push({ kind: 'code-error', path: code.path, message: trace.error });
    traces.push(trace.ok ? trace.value : emptyTrace);
  }
  return traces;
}

/** True where the path is made by a stage that has yet to run or be restored: even a foreseen file cannot be read yet. */
function noteOpen(
  outlook: Outlook,
  index: number,
  path: string,
  keys: readonly string[],
  gathering: Gathering,
): boolean {
  const expected = outlook.expect(index, { path, kind: 'path' });
  if (expected === undefined) return false;
  for (const key of keys) noteUnknown(gathering, expected.by, key);
  return true;
}

function noteUnknown(gathering: Gathering, by: StageName, key: string): void {
  gathering.upstream.add(by);
  gathering.open.add(key);
}

function gatherRuns(project: Project, index: number, options: GatherOptions, gathering: Gathering): string[] {
  return project.graph.stages[index]!.runs.map(({ group }) => {
    const waiting = options.outlook.expectHistory(index, group);
    if (waiting === undefined) return project.store.historyDigest(group);
    noteUnknown(gathering, waiting, `history ${group}`);
    return '';
  });
}

/** Values of variables may be secrets: only their digests are ever kept. */
function environmentDigests(project: Project, stage: Stage): string[] {
  return stage.env.map((name) => {
    const value = project.environment[name];
    return value === undefined ? 'unset' : digestText(value);
  });
}

/** The machine, or what is asked for where the cluster chooses one. */
function machineOf(project: Project, stage: Stage): Readonly<Record<string, string>> {
  if (executorOf(stage, project.execution) === 'local') return project.host();
  return clusterHost(slurmSettingsOf(stage, project.execution));
}
