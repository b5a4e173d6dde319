// `dagrun status --remote`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode, Fault } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Plan } from '../plan/select.ts';
import { formatCount } from '../report/format.ts';
import { compareRuns } from '../run/remote.ts';
import type { StageShare } from '../run/remote.ts';
import type { Project } from '../run/project.ts';
import { listRemotes } from '../run/remote-settings.ts';
import type { Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { accessFor } from './remote-session.ts';
import { isSet } from './session.ts';

/** With `--check`, exit code 1 where a recorded run is not in both places. */
export async function statusOfRemote(
  project: Project,
  plan: Plan,
  invocation: Invocation,
): Promise<Result<ExitCode, CommandFailure>> {
  const access = await accessFor(project, invocation);
  if (!access.ok) return access;
  const shares = await interruptible((signal) => compareRuns(project, plan, access.value, signal));
  if (!shares.ok) return shares;
  const { name } = access.value;
  const { stdout } = invocation.io;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify({ remote: name, stages: shares.value })}\n`);
  else if (!isSet(invocation, 'quiet')) stdout.write(render(shares.value, name, isSet(invocation, 'verbose')));
  const uneven = shares.value.some(({ state }) => state === 'local' || state === 'remote' || state === 'nowhere');
  return ok(isSet(invocation, 'check') && uneven ? exitCodes.failed : exitCodes.done);
}

/** What is wrong with targets, with a hint of its own where one of them is the name of a remote. */
export async function hintAtName(
  project: Project,
  targets: readonly string[],
  error: CommandFailure,
): Promise<CommandFailure> {
  const remotes = await listRemotes(project);
  const name = remotes.ok ? targets.find((target) => remotes.value.some((one) => one.name === target)) : undefined;
  const hint = `\`-r ${name ?? ''}\` names a remote`;
  const isMeant = ({ message }: Fault): boolean => name !== undefined && message.includes(`"${name}"`);
  return failure(error.kind, ...error.faults.map((fault) => (isMeant(fault) ? { ...fault, hint } : fault)));
}

function render(shares: readonly StageShare[], name: string, verbose: boolean): string {
  const words: Readonly<Record<StageShare['state'], string>> = {
    both: `here and on ${name}`,
    local: `here only (\`dagrun push\` shares it)`,
    remote: `on ${name} only (\`dagrun pull\` brings it)`,
    nowhere: `neither in the cache nor on ${name}`,
    unrecorded: 'never run',
  };
  const shown = shares.filter(({ state }) => verbose || state !== 'both');
  const lines = shown.map((share) => `${share.name}: ${words[share.state]}`);
  const rest = shares.length - shown.length;
  if (rest > 0) lines.push(`${formatCount(rest, 'stage')} ${words.both}`);
  return `${lines.join('\n')}\n`;
}
