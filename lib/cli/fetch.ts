// `dagrun fetch`: from a remote into the cache. `dagrun pull` begins with the same.

import { exitCodes } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { fetchRuns } from '../run/remote.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { accessFor, drawProgress, transferOptions, writeTransfer } from './remote-session.ts';
import { isSet, open, planTargets, usingCache } from './session.ts';

export const command: Command = {
  name: 'fetch',
  args: '[targets…]',
  summary:
    'Downloads recorded runs from a remote into the cache: those that the lock refers to, and the histories that the\nstages read. The workspace stays as it is; `dagrun pull` puts the outs there as well.',
  examples: ['dagrun fetch', "dagrun fetch 'train@*' -r origin", 'dagrun fetch --all'],
  arity: [0, Infinity],
  options: transferOptions,
  run: async (invocation) => {
    const project = await open(invocation);
    if (!project.ok) return project;
    return usingCache(project.value, 'fetch', () => fetchInto(project.value, invocation, { isCheckedOut: false }));
  },
};

/** Exit code 1 where a run that is there could not be had. */
export async function fetchInto(
  project: Project,
  invocation: Invocation,
  { isCheckedOut }: { readonly isCheckedOut: boolean },
): Promise<Result<ExitCode, CommandFailure>> {
  const selected = planTargets(project, invocation.args);
  if (!selected.ok) return selected;
  const access = await accessFor(project, invocation);
  if (!access.ok) return access;
  const { onProgress, end } = drawProgress(invocation);
  const done = await interruptible((signal) =>
    fetchRuns(project, selected.value, access.value, {
      all: isSet(invocation, 'all'),
      isCheckedOut,
      signal,
      onProgress,
    }),
  );
  end();
  if (!done.ok) return done;
  writeTransfer(invocation, { verb: 'fetched', direction: 'from' }, access.value.name, done.value);
  return ok(done.value.skipped.length > 0 ? exitCodes.failed : exitCodes.done);
}
