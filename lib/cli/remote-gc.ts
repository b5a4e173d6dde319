// `dagrun gc --remote`

import { exitCodes } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { defaultGrace } from '../remote/collect.ts';
import type { RemoteProblem } from '../remote/problem.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import type { GcScope } from '../run/collect.ts';
import { collectRemoteRuns } from '../run/remote.ts';
import type { Project } from '../run/project.ts';
import type { Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { accessFor } from './remote-session.ts';
import { isSet } from './session.ts';

/** `grace` in seconds; null: the usual. */
export async function collectFromRemote(
  project: Project,
  invocation: Invocation,
  { scope, grace }: { readonly scope: GcScope; readonly grace: number | null },
): Promise<Result<ExitCode, CommandFailure>> {
  const access = await accessFor(project, invocation);
  if (!access.ok) return access;
  const dry = isSet(invocation, 'dry');
  const milliseconds = grace === null ? defaultGrace : grace * 1000;
  const done = await interruptible((signal) =>
    collectRemoteRuns(project, access.value, { scope, grace: milliseconds, dry, signal }),
  );
  if (!done.ok) return done;
  const { runs, files, bytes, rewritten, leftovers, problems } = done.value;
  const { name } = access.value;
  const counts = [formatCount(runs, 'run'), formatCount(files, 'file')];
  if (leftovers > 0) counts.push(`${formatCount(leftovers, 'part')} of interrupted pushes`);
  if (problems.length > 0) warn(invocation, problems);
  const what = `${counts.slice(0, -1).join(', ')} and ${counts.at(-1)}`;
  const text = isSet(invocation, 'json')
    ? JSON.stringify({ remote: name, runs, files, bytes, rewritten, leftovers, dry })
    : `${dry ? 'would remove' : 'removed'} ${what} from ${name}: ${formatBytes(bytes)}`;
  invocation.io.stdout.write(`${text}\n`);
  return ok(exitCodes.done);
}

/** The first of them has its reason and what to do about it, which is mostly that of all. */
function warn({ io }: Invocation, [first, ...more]: readonly RemoteProblem[]): void {
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  const message = `what interrupted pushes left is not all removed: ${first!.message}${others}`;
  io.stderr.write(`warning: ${message}${first!.hint === undefined ? '' : `\n  hint: ${first!.hint}`}\n`);
}
