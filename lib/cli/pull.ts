// `dagrun pull`: `dagrun fetch`, then `dagrun checkout`.

import { exitCodes, renderFault } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatCount } from '../report/format.ts';
import { checkoutStages } from '../run/checkout.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { fetchInto } from './fetch.ts';
import { transferOptions } from './remote-session.ts';
import { changing, isSet, planTargets, usingCache } from './session.ts';

export const command: Command = {
  name: 'pull',
  args: '[targets…]',
  summary:
    'Downloads recorded runs from a remote into the cache, then puts the outs back as the lock file records them.\nRuns nothing.',
  examples: ['dagrun pull', 'dagrun pull train@model1 -r origin'],
  arity: [0, Infinity],
  options: {
    ...transferOptions,
    force: { type: 'boolean', short: 'f', help: 'overwrite edited outs whose content is not in the cache' },
  },
  run: (invocation) =>
    changing(invocation, (project) => usingCache(project, 'pull', () => perform(project, invocation))),
};

async function perform(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const fetched = await fetchInto(project, invocation, { isCheckedOut: true });
  if (!fetched.ok) return fetched;
  const selected = planTargets(project, invocation.args);
  if (!selected.ok) return selected;
  const { stdout, stderr } = invocation.io;
  const { restored, unchanged, faults } = await checkoutStages(project, selected.value, {
    force: isSet(invocation, 'force'),
  });
  project.saveState();
  if (!isSet(invocation, 'json')) {
    for (const path of restored) stdout.write(`restored ${path}\n`);
    stdout.write(`${formatCount(restored.length, 'out')} restored, ${unchanged} unchanged\n`);
  }
  for (const fault of faults) stderr.write(`${renderFault(fault)}\n`);
  return ok(faults.length > 0 ? exitCodes.failed : fetched.value);
}
