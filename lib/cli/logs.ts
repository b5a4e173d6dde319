// `dagrun logs`

import { createReadStream, existsSync } from 'node:fs';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatBytes, formatSeconds } from '../report/format.ts';
import type { Project } from '../run/project.ts';
import type { ExecutionRecord } from '../store/logs.ts';
import type { Command, Invocation } from './command.ts';
import { readGrowing } from './growing-file.ts';
import { interruptible } from './interrupt.ts';
import { isSet, open, plan, textOf } from './session.ts';

export const command: Command = {
  name: 'logs',
  args: '<stage>',
  summary:
    'Shows the log of the last execution of a stage, with how it ended, how long it took, and how much memory it had;\nof one that is under way, what there is so far.',
  examples: [
    'dagrun logs train@model1',
    'dagrun logs train@model1 --follow',
    'dagrun logs train@model1 --list',
    'dagrun logs train@model1 --run 20260102T030405-abc',
  ],
  arity: [1, 1],
  options: {
    run: { type: 'string', value: 'ID', help: 'another execution than the last (see --list)' },
    follow: {
      type: 'boolean',
      short: 'f',
      help: 'go on with what an execution under way writes, until it has ended; one that has not started is not waited for',
    },
    list: { type: 'boolean', help: 'list the recorded executions' },
    json: { type: 'boolean', help: 'the record of the execution (with --list: all of them) as JSON, without the log' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const other = ['list', 'json'].find((flag) => isSet(invocation, flag));
  if (isSet(invocation, 'follow') && other !== undefined)
    return err(failure('usage', { message: `--follow and --${other} cannot be used together` }));
  const project = await open(invocation);
  if (!project.ok) return project;
  const { store, graph } = project.value;
  const target = invocation.args[0]!;
  const selected = plan(project.value, [target], 'single');
  // A stage that is no longer in the pipeline may still have logs.
  const names = selected.ok ? selected.value.order.map((index) => graph.stages[index]!.name as string) : [target];
  const executions = names.flatMap((name) => findExecutions(store, name));
  executions.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  if (executions.length === 0) {
    if (!selected.ok) return selected;
    return err(
      failure('usage', {
        message: `stage "${target}" has not been executed here`,
        hint: `\`dagrun repro ${target}\` executes it`,
      }),
    );
  }
  const id = textOf(invocation, 'run');
  const json = isSet(invocation, 'json');
  // What has no record yet has nothing to give as JSON.
  const known = json ? executions.filter(({ record }) => record !== null) : executions;
  const execution = id === undefined ? known[0] : known.find((candidate) => candidate.runId === id);
  const all = isSet(invocation, 'list');
  if (execution === undefined && !(all && json))
    return err(
      failure('usage', {
        message: `stage "${target}" has no ${json ? 'recorded ' : ''}execution${id === undefined ? '' : ` "${id}"`}`,
        hint: `\`dagrun logs ${target} --list\` lists them`,
      }),
    );
  const { stdout } = invocation.io;
  const records = known.map(({ record }) => record);
  if (json) stdout.write(`${JSON.stringify(all ? { executions: records } : execution!.record)}\n`);
  else if (all) for (const each of executions) stdout.write(`${describe(each)}\n`);
  else if (isSet(invocation, 'follow') && execution!.record === null) return follow(store, execution!, stdout);
  else await show(execution!, store.logPath(execution!.stage, execution!.runId), stdout);
  return ok(exitCodes.done);
}

/** The log as it grows, and in the end how it came to that. It is somebody else who runs the stage: interrupted is the looking on alone. */
async function follow(
  store: Project['store'],
  { runId, stage, startedAt }: Execution,
  stdout: NodeJS.WriteStream,
): Promise<Result<ExitCode, CommandFailure>> {
  const recordOf = (): ExecutionRecord | null => store.execution(stage, runId) ?? null;
  const since = Date.parse(startedAt);
  return interruptible(async (signal) => {
    stdout.write(`# ${runId}  ${stage}\n`);
    const isComplete = (): boolean => recordOf() !== null || !store.isRunnerActive(since);
    let last = 10;
    for await (const bytes of readGrowing(store.logPath(stage, runId), isComplete, signal)) {
      if (!(await takes(stdout, bytes))) return ok(exitCodes.done);
      last = bytes.at(-1) ?? last;
    }
    if (signal.aborted) return ok(exitCodes.interrupted);
    stdout.write(`${last === 10 ? '' : '\n'}# ${describe({ runId, stage, startedAt, record: recordOf() })}\n`);
    return ok(exitCodes.done);
  });
}

interface Execution {
  readonly runId: string;
  readonly stage: string;
  readonly startedAt: string;
  /** Null: it is under way, or its runner died. */
  readonly record: ExecutionRecord | null;
}

function findExecutions(store: Project['store'], stage: string): Execution[] {
  const recorded = store
    .executions(stage)
    .map((record) => ({ runId: record.runId, stage, startedAt: record.startedAt, record }));
  const unfinished = store
    .unfinished(stage)
    .map((runId) => ({ runId, stage, startedAt: startOf(runId), record: null }));
  return [...recorded, ...unfinished];
}

/** A run id begins with the second in which it started, which may be that in which the one before it did: it counts as the later. */
function startOf(runId: string): string {
  const [, ...digits] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-/.exec(runId) ?? [];
  const [year, month, day, hour, minute, second] = digits;
  return second === undefined ? '' : `${year}-${month}-${day}T${hour}:${minute}:${second}.999Z`;
}

function describe({ runId, stage, startedAt, record }: Execution): string {
  if (record === null) return `${runId}  ${stage}  not finished: it is under way, or its runner died`;
  const memory = record.peakMemory === null ? '' : `, peak ${formatBytes(record.peakMemory)}`;
  return `${runId}  ${stage}  ${describeOutcome(record)} in ${formatSeconds(record.seconds)}${memory}, ${startedAt} on ${record.host}`;
}

function describeOutcome(record: ExecutionRecord): string {
  if (record.signal !== null) return `${record.outcome} (${record.signal})`;
  return record.exitCode === null ? record.outcome : `${record.outcome} (exit code ${record.exitCode})`;
}

async function show(execution: Execution, path: string, stdout: NodeJS.WriteStream): Promise<void> {
  stdout.write(`# ${describe(execution)}\n`);
  if (!existsSync(path)) {
    stdout.write(`# its log is gone: ${path}\n`);
    return;
  }
  for await (const chunk of createReadStream(path)) if (!(await takes(stdout, chunk as Buffer))) return;
}

/** False where nobody reads on, or nothing more can be written: what that means is decided where all output is watched. */
function takes(stdout: NodeJS.WriteStream, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    stdout.write(chunk, (error) => resolve((error ?? null) === null));
  });
}
