// `dagrun status`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { wantsColour } from '../report/colour.ts';
import { renderStatus } from '../report/status-text.ts';
import { assess } from '../run/assess.ts';
import { foreseeRefusal } from '../run/preflight.ts';
import type { Assessment } from '../run/assess.ts';
import { rememberStandstill } from '../run/standstill.ts';
import type { Command, Invocation } from './command.ts';
import { executorOption, isSet, open, plan } from './session.ts';

export const command: Command = {
  name: 'status',
  args: '[targets…]',
  summary: 'What is stale and why, what would be restored and what executed. Changes nothing.',
  examples: [
    'dagrun status',
    'dagrun status train@model1 --verbose',
    'dagrun status --check --quiet   # exit code 1 when anything is stale',
  ],
  arity: [0, Infinity],
  options: {
    check: { type: 'boolean', help: 'exit 1 when anything is not fresh' },
    'allow-missing': { type: 'boolean', help: 'missing data counts as unchanged where the lock knows it' },
    executor: executorOption,
    remote: { type: 'boolean', help: 'instead: which recorded runs are here, on the remote, or on both' },
    name: { type: 'string', short: 'r', value: 'NAME', help: 'with --remote: which one' },
    json: { type: 'boolean', help: 'JSON: {"stages": [{name, state, reasons}]}' },
    quiet: { type: 'boolean', short: 'q', help: 'print nothing' },
    verbose: { type: 'boolean', short: 'v', help: 'every stage and every reason' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  const selected = plan(project.value, invocation.args);
  if (isSet(invocation, 'remote')) {
    const { statusOfRemote, hintAtName } = await import('./remote-status.ts');
    if (!selected.ok) return err(await hintAtName(project.value, invocation.args, selected.error));
    return statusOfRemote(project.value, selected.value, invocation);
  }
  if (!selected.ok) return selected;
  if (invocation.flags['name'] !== undefined) return err(failure('usage', { message: '--name goes with --remote' }));
  const rules = {
    force: false,
    forceDownstream: false,
    noRunCache: false,
    allowMissing: isSet(invocation, 'allow-missing'),
  };
  const assessments = await assess(project.value, selected.value, rules);
  project.value.saveState();
  const refusal = await foreseeRefusal(project.value, selected.value, assessments);
  if (refusal !== undefined) return err(refusal);
  const stages = assessments.map(({ name, state, reasons }) => ({ name, state, reasons }));
  const { stdout, environment } = invocation.io;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify({ stages })}\n`);
  else if (!isSet(invocation, 'quiet')) {
    stdout.write(
      `${renderStatus({ stages }, { verbose: isSet(invocation, 'verbose'), colour: wantsColour(environment, stdout) })}\n`,
    );
  }
  const settled = assessments.every(
    ({ state, decision }) => state === 'fresh' || (state === 'frozen' && decision.kind === 'skip'),
  );
  if (!rules.allowMissing && assessments.length === project.value.graph.stages.length && assessments.every(isFresh))
    await rememberStandstill(project.value);
  return ok(isSet(invocation, 'check') && !settled ? exitCodes.failed : exitCodes.done);
}

function isFresh({ state }: Assessment): boolean {
  return state === 'fresh';
}
