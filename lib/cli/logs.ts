// `dagrun logs`

import { createReadStream, existsSync } from 'node:fs';
import { pipeline as pump } from 'node:stream/promises';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatBytes, formatSeconds } from '../report/format.ts';
import type { ExecutionRecord } from '../store/logs.ts';
import type { Command, Invocation } from './command.ts';
import { isSet, open, plan, textOf } from './session.ts';

export const command: Command = {
  name: 'logs',
  args: '<stage>',
  summary:
    'Shows the log of the last execution of a stage, with how it ended, how long it took, and how much memory it had.',
  examples: [
    'dagrun logs train@model1',
    'dagrun logs train@model1 --list',
    'dagrun logs train@model1 --run 20260102T030405-abc',
  ],
  arity: [1, 1],
  options: {
    run: { type: 'string', value: 'ID', help: 'another execution than the last (see --list)' },
    list: { type: 'boolean', help: 'list the recorded executions' },
    json: { type: 'boolean', help: 'the record of the execution (with --list: all of them) as JSON, without the log' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  const { store, graph } = project.value;
  const target = invocation.args[0]!;
  const selected = plan(project.value, [target], 'single');
  // A stage that is no longer in the pipeline may still have logs.
  const names = selected.ok ? selected.value.order.map((index) => graph.stages[index]!.name as string) : [target];
  const records = names.flatMap((name) => store.executions(name)).sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  if (records.length === 0) {
    if (!selected.ok) return selected;
    return err(
      failure('usage', {
        message: `stage "${target}" has not been executed here`,
        hint: `\`dagrun repro ${target}\` executes it`,
      }),
    );
  }
  const id = textOf(invocation, 'run');
  const record = id === undefined ? records[0] : records.find((candidate) => candidate.runId === id);
  if (record === undefined)
    return err(
      failure('usage', {
        message: `stage "${target}" has no execution "${id ?? ''}"`,
        hint: `\`dagrun logs ${target} --list\` lists them`,
      }),
    );
  const { stdout } = invocation.io;
  const all = isSet(invocation, 'list');
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify(all ? { executions: records } : record)}\n`);
  else if (all) for (const each of records) stdout.write(`${describe(each)}\n`);
  else await show(record, store.logPath(record.stage, record.runId), stdout);
  return ok(exitCodes.done);
}

function describe(record: ExecutionRecord): string {
  const memory = record.peakMemory === null ? '' : `, peak ${formatBytes(record.peakMemory)}`;
  return `${record.runId}  ${record.stage}  ${describeOutcome(record)} in ${formatSeconds(record.seconds)}${memory}, ${record.startedAt} on ${record.host}`;
}

function describeOutcome(record: ExecutionRecord): string {
  if (record.signal !== null) return `${record.outcome} (${record.signal})`;
  return record.exitCode === null ? record.outcome : `${record.outcome} (exit code ${record.exitCode})`;
}

async function show(record: ExecutionRecord, path: string, stdout: NodeJS.WriteStream): Promise<void> {
  stdout.write(`# ${describe(record)}\n`);
  if (!existsSync(path)) stdout.write(`# its log is gone: ${path}\n`);
  else await pump(createReadStream(path), stdout, { end: false });
}
