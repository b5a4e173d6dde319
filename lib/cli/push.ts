// `dagrun push`

import { exitCodes } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { pushRuns } from '../run/remote.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { accessFor, drawProgress, transferOptions, writeTransfer } from './remote-session.ts';
import { isSet, open, planTargets, usingCache } from './session.ts';

export const command: Command = {
  name: 'push',
  args: '[targets…]',
  summary:
    'Uploads recorded runs to a remote: those that the lock refers to, and the histories that the stages read.\nOnly what is missing there is moved. Runs of stages with `push: false` stay here.',
  examples: ['dagrun push', 'dagrun push train@model1 -r origin', 'dagrun push --all'],
  arity: [0, Infinity],
  options: {
    ...transferOptions,
    force: { type: 'boolean', short: 'f', help: 'upload again what is there: heals damage, signs what was not signed' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  return usingCache(project.value, 'push', () => perform(project.value, invocation));
}

async function perform(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const selected = planTargets(project, invocation.args);
  if (!selected.ok) return selected;
  const access = await accessFor(project, invocation);
  if (!access.ok) return access;
  const { onProgress, end } = drawProgress(invocation);
  const done = await interruptible((signal) =>
    pushRuns(project, selected.value, access.value, {
      all: isSet(invocation, 'all'),
      force: isSet(invocation, 'force'),
      signal,
      onProgress,
    }),
  );
  end();
  if (!done.ok) return done;
  writeTransfer(invocation, { verb: 'pushed', direction: 'to' }, access.value.name, done.value);
  return ok(done.value.skipped.length > 0 ? exitCodes.failed : exitCodes.done);
}
