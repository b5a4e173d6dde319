// One stage, executed: clear its outs, run its commands, look at what they made, and remember it.

import { uniqueName } from '../core/disk.ts';
import { renderFault } from '../core/failure.ts';
import { describeReason } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import { messageOf } from '../core/result.ts';
import { buildEnvironment } from '../exec/environment.ts';
import { parseProgress } from '../exec/progress.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { differences } from '../plan/fingerprint.ts';
import { executorOf, slurmSettingsOf } from '../plan/placement.ts';
import type { JobEnd, JobResult } from '../plan/ports.ts';
import type { LockEntry, OutRecord } from '../plan/record.ts';
import { describeEnd } from '../report/words.ts';
import { contextPath, identityOf, readParams, workingFolder, writeContext } from './context.ts';
import type { PlainParams } from './context.ts';
import { gatherInputs, settled } from './inputs.ts';
import type { RunIo } from './io.ts';
import { findMadeFaults } from './preflight.ts';
import { exists } from './project.ts';
import type { Project } from './project.ts';
import { lockOuts, noteExecution, observeOuts, remember } from './remember.ts';
import type { KnownInputs, Noted } from './remember.ts';
import { adoptResume } from './resume.ts';

/** What a failed stage has to say for itself. */
export interface StageFailure {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly seconds: number;
  /** Last lines of the log. */
  readonly tail: readonly string[];
  /** Null where the command was never started. */
  readonly log: string | null;
}

export type ExecutionEnd =
  | { readonly kind: 'executed'; readonly lock: LockEntry; readonly result: JobResult; readonly runId: string }
  /** `again`: the command itself failed, so that another attempt may do better. */
  | { readonly kind: 'failed'; readonly failure: StageFailure; readonly again: boolean; readonly nodeFailed?: boolean }
  /** The history that the stage asks for grew after its inputs were looked at: it has to be decided again. Nothing was touched. */
  | { readonly kind: 'outdated' }
  | { readonly kind: 'interrupted' };

export interface ExecuteOptions {
  readonly reasons: readonly Reason[];
  /** Store nothing in the cache; the lock is written all the same. */
  readonly noCommit: boolean;
  /** Called when the command has done its work: what is left is to store it, which needs no job slot. */
  readonly onRan: () => void;
}

/** Attempts that are made anew, beyond the stage's own retries, where the machine failed and not the command. */
const nodeRetries = 2;

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
  const { name, retries } = project.graph.stages[index]!;
  let nodeFailures = 0;
  for (let attempt = 1; ; attempt++) {
    const end = await attemptStage(project, index, inputs, { ...options, attempt }, io);
    if (end.kind !== 'failed' || !end.again || io.signal.aborted) return end;
    // A machine that fails costs none of the retries that the stage allows its command.
    if (end.nodeFailed && nodeFailures < nodeRetries) nodeFailures++;
    else if (attempt - nodeFailures > retries) return end;
    io.report({
      kind: 'warning',
      message: `${name}: ${end.failure.message}; attempt ${attempt + 1} of ${retries + 1 + nodeFailures}`,
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
  const params = await readParams(project, stage);
  const identity = identityOf(stage, inputs.fingerprint);
  const recovered = (await io.executor.recover?.(stage.name, identity)) ?? false;
  const prepared = recovered
    ? { context: contextPath(project, stage.name) }
    : await prepare(project, stage, params, inputs);
  if ('kind' in prepared) return prepared;
  const startedAt = new Date(io.now()).toISOString();
  const result = await runCommand(project, stage, { ...options, runId, identity, context: prepared.context }, io);
  project.forgetAll();

  const note = (outcome: Noted['outcome']): void =>
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
  const judged = await judge(project, index, inputs, result);
  if ('message' in judged) {
    note(outcomeOf(result.end));
    result.forget?.();
    const { again, ...why } = judged;
    const log = project.store.logPath(stage.name, runId);
    return {
      kind: 'failed',
      failure: { ...why, seconds: result.seconds, tail: tailOf(project, log), log },
      again,
      nodeFailed: result.end.kind === 'node-failed',
    };
  }
  note('succeeded');
  options.onRan();
  if (!options.noCommit) await remember(project, stage, { inputs, params, outs: judged.outs, result, runId }, io);
  const { parts, fingerprint } = inputs;
  return { kind: 'executed', lock: { parts, fingerprint, outs: lockOuts(stage, judged.outs) }, result, runId };
}

function outcomeOf(end: JobEnd): Noted['outcome'] {
  return end.kind === 'exited' || end.kind === 'signalled' ? 'failed' : end.kind;
}

interface Start {
  readonly runId: string;
  readonly identity: string;
  readonly attempt: number;
  readonly reasons: readonly Reason[];
  /** Absolute path of the context file. */
  readonly context: string;
}

/** Reports the start, and runs the commands of the stage with its output reported as it comes. */
function runCommand(project: Project, stage: Stage, start: Start, io: RunIo): Promise<JobResult> {
  const { name, cmd, wdir, resources, timeout } = stage;
  const log = project.store.logPath(name, start.runId);
  io.report({
    kind: 'stage-started',
    stage: name,
    command: cmd.join(' && '),
    log,
    reasons: start.reasons,
    attempt: start.attempt,
    expected: project.store.lastSeconds(name),
  });
  const { environment: base, root } = project;
  const env = buildEnvironment({ base, stage: name, root, context: start.context });
  const job = { stage: name, cmd, cwd: workingFolder(project, wdir), env, logPath: log, resources, timeout };
  const batch = { identity: start.identity, settings: slurmSettingsOf(stage, project.execution) };
  return io.executor.run(
    executorOf(stage, project.execution) === 'slurm' ? { ...job, batch } : job,
    {
      line: (line) => io.report({ kind: 'stage-output', stage: name, line }),
      progress: (fraction, text) => io.report({ kind: 'stage-progress', stage: name, fraction, text }),
    },
    io.signal,
  );
}

/** Writes the context and clears the outs. A problem here leaves the command unstarted. */
async function prepare(
  project: Project,
  stage: Stage,
  params: PlainParams,
  inputs: KnownInputs,
): Promise<{ readonly context: string } | Extract<ExecutionEnd, { kind: 'failed' | 'outdated' }>> {
  if (!exists(workingFolder(project, stage.wdir)))
    return unstarted(`the working folder "${stage.wdir}" does not exist`, `create it (\`mkdir -p ${stage.wdir}\`)`);
  try {
    adoptResume(project, stage, inputs.fingerprint);
    const context = await writeContext(project, stage, { params, fingerprint: inputs.fingerprint });
    const grown = stage.runs.some(({ group }) => project.store.historyDigest(group) !== inputs.parts.runs?.[group]);
    if (grown) return { kind: 'outdated' };
    for (const out of stage.outs) {
      project.outs.clear(out);
      project.outs.makeParent(out.path);
      project.forget(out.path);
    }
    return { context };
  } catch (error) {
    const hint = 'check the permissions and the free space of the disk';
    return unstarted(`cannot prepare the outs: ${messageOf(error)}`, hint);
  }
}

function unstarted(message: string, hint: string): Extract<ExecutionEnd, { kind: 'failed' }> {
  return { kind: 'failed', failure: { message, hint, seconds: 0, tail: [], log: null }, again: false };
}

type Verdict =
  | { readonly outs: readonly OutRecord[] }
  | { readonly message: string; readonly hint?: string; readonly again: boolean };

/** Whether the command did what the stage promises: ended well, made its outs, and read inputs that stayed what they were. */
async function judge(project: Project, index: number, inputs: KnownInputs, { end }: JobResult): Promise<Verdict> {
  if (end.kind !== 'exited' || end.code !== 0) return { message: describeEnd(end), again: true };
  const stage = project.graph.stages[index]!;
  const outs = await observeOuts(project, stage);
  if (!outs.ok) return { message: outs.message, hint: outs.hint, again: true };
  const misfit = await describeMisfit(project, stage);
  if (misfit !== undefined) return { ...misfit, again: true };
  const moved = await inputsMoved(project, index, inputs);
  return moved === undefined ? { outs: outs.records } : { ...moved, again: false };
}

/** A parameter file that the stage made and that does not fit its schema. */
async function describeMisfit(
  project: Project,
  stage: Stage,
): Promise<{ readonly message: string; readonly hint?: string } | undefined> {
  const [fault, ...more] = await findMadeFaults(project, stage);
  if (fault === undefined) return undefined;
  const { hint, ...plain } = fault;
  const message = renderFault(plain) + (more.length === 0 ? '' : ` (and ${more.length} more)`);
  return hint === undefined ? { message } : { message, hint };
}

/** Progress lines tell nothing of a failure, and may be all that the end of the log consists of. */
function tailOf(project: Project, log: string): readonly string[] {
  const lines = project.store.logTail(log, tailLines * 50);
  return lines.filter((line) => parseProgress(line) === undefined).slice(-tailLines);
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
    hint: `run it again, or accept what is there with \`dagrun commit ${stage.name}\`; what the command itself writes to belongs to the outs (persist: true)`,
  };
}
