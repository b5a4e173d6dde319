// `dagrun checkout`

import { exitCodes, renderFault } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatCount } from '../report/format.ts';
import { checkoutStages } from '../run/checkout.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { changing, isSet, planTargets, usingCache } from './session.ts';

export const command: Command = {
  name: 'checkout',
  args: '[targets…]',
  summary: 'Puts outs back as the lock file records them (after `git checkout`, say). Runs nothing.',
  examples: ['dagrun checkout', 'dagrun checkout train@model1 --force'],
  arity: [0, Infinity],
  options: { force: { type: 'boolean', short: 'f', help: 'overwrite edited outs whose content is not in the cache' } },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  return changing(invocation, (project) => usingCache(project, 'checkout', () => perform(project, invocation)));
}

async function perform(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { stdout, stderr } = invocation.io;
  const selected = planTargets(project, invocation.args);
  if (!selected.ok) return selected;
  const report = await checkoutStages(project, selected.value, { force: isSet(invocation, 'force') });
  project.saveState();
  for (const path of report.restored) stdout.write(`restored ${path}\n`);
  stdout.write(`${formatCount(report.restored.length, 'out')} restored, ${report.unchanged} unchanged\n`);
  for (const fault of report.faults) stderr.write(`${renderFault(fault)}\n`);
  return ok(report.faults.length > 0 ? exitCodes.failed : exitCodes.done);
}
