// `dagrun commit`

import { exitCodes, renderFault } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatCount } from '../report/format.ts';
import { commitStages } from '../run/commit.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { changing, isSet, planTargets, usingCache } from './session.ts';

export const command: Command = {
  name: 'commit',
  args: '[targets…]',
  summary:
    'Records the outs in the workspace as the result of the inputs in the workspace, without running anything:\nafter `repro --no-commit`, or when an edit is known not to matter. Stages that are named are taken at your word.',
  examples: ['dagrun commit', 'dagrun commit train@model1'],
  arity: [0, Infinity],
  options: { force: { type: 'boolean', short: 'f', help: 'also stages whose inputs changed and that are not named' } },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  return changing(invocation, (project) => usingCache(project, 'commit', () => perform(project, invocation)));
}

async function perform(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { stdout, stderr } = invocation.io;
  const selected = planTargets(project, invocation.args);
  if (!selected.ok) return selected;
  const named = invocation.args.length > 0 || isSet(invocation, 'force');
  const report = await commitStages(project, selected.value, () => named, {
    report: (event) => {
      if (event.kind === 'warning') stderr.write(`warning: ${event.message}\n`);
    },
    now: Date.now,
  });
  const saved = project.lock.save();
  project.saveState();
  if (!saved.ok) return saved;
  stdout.write(`${formatCount(report.committed.length, 'stage')} committed\n`);
  for (const fault of report.faults) stderr.write(`${renderFault(fault)}\n`);
  return ok(report.faults.length > 0 ? exitCodes.failed : exitCodes.done);
}
