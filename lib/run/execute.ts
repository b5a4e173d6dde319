// One stage, executed: clear its outs, run its commands, look at what they made, and remember it.
// The order of the record is what makes a crash harmless: objects, then the run entry, then (by the caller) the lock.

import { uniqueName } from '../core/disk.ts';
import { isPresent } from '../core/observation.ts';

import { compareText } from '../core/path.ts';
import { describeReason } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import { messageOf } from '../core/result.ts';
import { buildEnvironment } from '../exec/environment.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { differences } from '../plan/fingerprint.ts';
import type { Fingerprint, FingerprintParts } from '../plan/parts.ts';
import type { JobResult } from '../plan/ports.ts';
import type { LockEntry, OutRecord, RunEntry } from '../plan/record.ts';
import { describeEnd } from '../report/words.ts';
import { resultDigest } from '../store/entry.ts';
import type { ExecutionRecord } from '../store/logs.ts';
import { readMetrics, readParams, workingFolder, writeContext } from './context.ts';
import type { PlainParams } from './context.ts';
import { gatherInputs, settled } from './inputs.ts';
import { absolute, exists } from './project.ts';
import type { Project } from './project.ts';
import type { RunIo } from './io.ts';

export interface KnownInputs {
  readonly parts: FingerprintParts;
  readonly fingerprint: Fingerprint;
}

export type ExecutionEnd =
  | { readonly kind: 'executed'; readonly lock: LockEntry; readonly result: JobResult; readonly runId: string }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly hint?: string;
      readonly seconds: number;
      readonly tail: readonly string[];
      readonly log: string | null;
    }
  | { readonly kind: 'interrupted' };

export interface ExecuteOptions {
  readonly reasons: readonly Reason[];
  /** Store nothing in the cache; the lock is written all the same. */
  readonly noCommit: boolean;
}

/** Lines of the log that a failure shows. */
const tailLines = 20;

/** Runs the stage, with its retries. Never rejects for what a command, a disk or a user can do. */
export async function executeStage(
  project: Project,
  index: number,
  inputs: KnownInputs,
  options: ExecuteOptions,
  io: RunIo,
): Promise<ExecutionEnd> {
  const stage = project.graph.stages[index]!;
  for (let attempt = 1; ; attempt++) {
    const end = await attemptStage(project, index, inputs, { ...options, attempt }, io);
    if (end.kind !== 'failed' || end.log === null || attempt > stage.retries || io.signal.aborted) return end;
    io.report({
      kind: 'warning',
      message: `${stage.name}: ${end.message}; attempt ${attempt + 1} of ${stage.retries + 1}`,
    });
  }
}

async function attemptStage(
  project: Project,
  index: number,
  inputs: KnownInputs,
  options: ExecuteOptions & { readonly attempt: number },
  io: RunIo,
): Promise<ExecutionEnd> {
  const stage = project.graph.stages[index]!;
  const runId = `${new Date(io.now()).toISOString().replace(/[-:]|\.\d+Z$/g, '')}-${uniqueName()}`;
  const log = project.store.logPath(stage.name, runId);
  const params = await readParams(project, stage);
  const prepared = await prepare(project, stage, params);
  if ('problem' in prepared)
    return { kind: 'failed', message: prepared.problem, hint: prepared.hint, seconds: 0, tail: [], log: null };

  const startedAt = new Date(io.now()).toISOString();
  const expected = project.store.lastSeconds(stage.name);
  io.report({
    kind: 'stage-started',
    stage: stage.name,
    command: stage.cmd.join(' && '),
    log,
    reasons: options.reasons,
    attempt: options.attempt,
    expected,
  });
  const result = await io.executor.run(
    {
      stage: stage.name,
      cmd: stage.cmd,
      cwd: workingFolder(project, stage.wdir),
      env: buildEnvironment({
        base: project.environment,
        stage: stage.name,
        root: project.root,
        context: prepared.context,
      }),
      logPath: log,
      resources: stage.resources,
      timeout: stage.timeout,
    },
    {
      line: (line) => io.report({ kind: 'stage-output', stage: stage.name, line }),
      progress: (fraction, text) => io.report({ kind: 'stage-progress', stage: stage.name, fraction, text }),
    },
    io.signal,
  );
  project.forgetAll();
  const note = (outcome: Outcome): void =>
    noteExecution(project, stage, {
      outcome,
      runId,
      startedAt,
      attempt: options.attempt,
      result,
      fingerprint: inputs.fingerprint,
    });
  if (result.end.kind === 'interrupted') {
    note('interrupted');
    return { kind: 'interrupted' };
  }
  const failed = (message: string, hint?: string): ExecutionEnd => {
    note(result.end.kind === 'timed-out' || result.end.kind === 'not-started' ? result.end.kind : 'failed');
    return {
      kind: 'failed',
      message,
      ...(hint === undefined ? {} : { hint }),
      seconds: result.seconds,
      tail: project.store.logTail(log, tailLines),
      log,
    };
  };
  if (result.end.kind !== 'exited' || result.end.code !== 0) return failed(describeEnd(result.end));

  const outs = await observeOuts(project, stage);
  if (!outs.ok) return failed(outs.message, outs.hint);
  const moved = await inputsMoved(project, index, inputs);
  if (moved !== undefined) return failed(moved.message, moved.hint);
  note('succeeded');
  const lock: LockEntry = { ...inputs, outs: lockOuts(stage, outs.records) };
  if (!options.noCommit) await remember(project, stage, { inputs, params, outs: outs.records, result, runId }, io);
  return { kind: 'executed', lock, result, runId };
}

/** Clears the outs and writes the context. A problem here leaves the command unstarted. */
async function prepare(
  project: Project,
  stage: Stage,
  params: PlainParams,
): Promise<{ readonly context: string } | { readonly problem: string; readonly hint: string }> {
  const folder = workingFolder(project, stage.wdir);
  if (!exists(folder))
    return {
      problem: `the working folder "${stage.wdir}" does not exist`,
      hint: `create it (\`mkdir -p ${stage.wdir}\`)`,
    };
  try {
    const context = await writeContext(project, stage, params);
    for (const out of stage.outs) {
      project.outs.clear(out);
      project.outs.makeParent(out.path);
      project.forget(out.path);
    }
    return { context };
  } catch (error) {
    return {
      problem: `cannot prepare the outs: ${messageOf(error)}`,
      hint: 'check the permissions and the free space of the disk',
    };
  }
}

type ObservedOuts =
  | { readonly ok: true; readonly records: readonly OutRecord[] }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** What the command left at each out, in the order of the stage. */
export async function observeOuts(project: Project, stage: Stage): Promise<ObservedOuts> {
  const records: OutRecord[] = [];
  for (const out of stage.outs) {
    project.forget(out.path);
    const content = await project.files.observe(out.path);
    if (isPresent(content)) records.push({ path: out.path, content });
    else if (content.kind === 'unreadable')
      return {
        ok: false,
        message: `out "${out.path}" cannot be read: ${content.reason}`,
        hint: 'an out has to be made of files, folders and links',
      };
    else
      return {
        ok: false,
        message: `the command ended well but did not write its out "${out.path}"`,
        hint: `let the command write it, or remove it from the outs of "${stage.name}"`,
      };
  }
  return { ok: true, records };
}

/** A dep that was edited while the stage ran: nobody knows which of the two the command read. */
async function inputsMoved(
  project: Project,
  index: number,
  before: KnownInputs,
): Promise<{ message: string; hint: string } | undefined> {
  const stage = project.graph.stages[index]!;
  const after = await gatherInputs(project, index, { outlook: settled, remembered: null, lock: undefined });
  // Other runners may add to a shared history at any time; what this stage was handed is what is recorded.
  const changes =
    after.kind === 'known'
      ? differences(before.parts, after.parts).filter((reason) => reason.kind !== 'history')
      : after.kind === 'broken'
        ? after.reasons
        : [];
  if (changes.length === 0) return undefined;
  return {
    message: `an input changed while the stage ran (${changes.slice(0, 3).map(describeReason).join('; ')}), so its result is not recorded`,
    hint: `run it again, or accept what is there with \`dagrun commit ${stage.name}\``,
  };
}

/** By position where paths are not part of the identity; otherwise sorted, so that the order in the pipeline file does not matter. */
export function lockOuts(stage: Stage, outs: readonly OutRecord[]): readonly OutRecord[] {
  return stage.relocatable ? outs : outs.toSorted((a, b) => compareText(a.path, b.path));
}

interface Finished {
  readonly inputs: KnownInputs;
  readonly params: PlainParams;
  readonly outs: readonly OutRecord[];
  readonly result: Pick<JobResult, 'seconds' | 'peakMemory'>;
  readonly runId: string;
}

/** Objects first, then the entry. A cache that cannot take them costs the next run, not this one: a warning. Returns whether all was stored. */
export async function remember(
  project: Project,
  stage: Stage,
  finished: Finished,
  io: Pick<RunIo, 'report' | 'now'>,
): Promise<boolean> {
  const { inputs, outs, result } = finished;
  for (const out of outs) {
    const stored = await project.store.put({ path: absolute(project, out.path), content: out.content });
    if (stored.ok) continue;
    io.report({
      kind: 'warning',
      message: `${stage.name}: "${out.path}" could not be stored in the cache: ${stored.error.message}`,
      hint: 'the result is in the workspace, but it cannot be restored later',
    });
    return false;
  }
  const entry: RunEntry = {
    fingerprint: inputs.fingerprint,
    result: resultDigest(outs),
    stage: stage.name,
    group: stage.group,
    parts: inputs.parts,
    outs: outs.map((out, position) => ({ ...out, label: stage.outs[position]!.label })),
    params: finished.params,
    metrics: await readMetrics(project, stage),
    deps: depDigests(project, stage, inputs.parts),
    at: new Date(io.now()).toISOString(),
    seconds: result.seconds,
    peakMemory: result.peakMemory,
    host: project.hostname(),
    runId: finished.runId,
  };
  await project.store.record(entry);
  return true;
}

/** Paths with the text under which each dep entered the fingerprint. */
function depDigests(project: Project, stage: Stage, parts: FingerprintParts): Record<string, string> {
  const deps: Record<string, string> = Object.create(null) as Record<string, string>;
  stage.deps.forEach((dep, position) => {
    deps[dep.path] = parts.dep![stage.relocatable ? String(position) : dep.path]!;
  });
  return deps;
}

type Outcome = ExecutionRecord['outcome'];

interface Noted extends Pick<ExecutionRecord, 'outcome' | 'runId' | 'startedAt' | 'attempt'> {
  readonly result: JobResult;
  readonly fingerprint: Fingerprint;
}

function noteExecution(project: Project, stage: Stage, run: Noted): void {
  const { end, seconds, peakMemory } = run.result;
  project.store.writeExecution({
    runId: run.runId,
    stage: stage.name,
    command: stage.cmd.join('\n'),
    startedAt: run.startedAt,
    seconds,
    outcome: run.outcome,
    exitCode: end.kind === 'exited' ? end.code : null,
    signal: end.kind === 'signalled' ? end.signal : null,
    peakMemory,
    host: project.hostname(),
    attempt: run.attempt,
    fingerprint: run.fingerprint,
  });
}
