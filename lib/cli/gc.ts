// `dagrun gc`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import { planCollection } from '../run/collect.ts';
import type { GcScope } from '../run/collect.ts';
import type { Project } from '../run/project.ts';
import { failureOf } from './cache-failure.ts';
import type { Command, Invocation } from './command.ts';
import { changing, isSet, numberOf, textOf } from './session.ts';

export const command: Command = {
  name: 'gc',
  args: '',
  summary:
    'Removes recorded runs, their objects and their logs from the cache. What the lock of this workspace references always\nstays, and so does what any scope keeps; a scope has to be given.',
  examples: ['dagrun gc --workspace --dry', 'dagrun gc --all-branches --older-than 30d', 'dagrun gc --keep-last 5'],
  arity: [0, 0],
  options: {
    workspace: { type: 'boolean', help: 'keep only what this workspace uses now' },
    'all-branches': { type: 'boolean', help: 'keep what any git branch or tag uses' },
    'older-than': { type: 'string', value: 'AGE', help: 'keep runs younger than AGE (30d, 12h, 90m)' },
    'keep-last': { type: 'string', value: 'N', help: 'keep the newest N runs of each stage' },
    remote: { type: 'boolean', help: 'from a remote, not from the cache' },
    name: { type: 'string', short: 'r', value: 'NAME', help: 'with --remote: which one' },
    grace: { type: 'string', value: 'AGE', help: 'with --remote: what is younger stays (default: 1h)' },
    dry: { type: 'boolean', help: 'only say what would be removed' },
    json: { type: 'boolean', help: 'JSON: {"runs", "objects", "logs", "bytes", "dry"}' },
  },
  run: (invocation) => changing(invocation, (project) => collect(project, invocation)),
};

async function collect(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const scope = readScope(invocation);
  if (!scope.ok) return scope;
  const age = textOf(invocation, 'grace');
  const grace = age === undefined ? null : secondsOf(age);
  if (Number.isNaN(grace))
    return err(failure('usage', { message: `--grace takes an age such as 2h or 1d, not "${age ?? ''}"` }));
  if (isSet(invocation, 'remote')) {
    const { collectFromRemote } = await import('./remote-gc.ts');
    return collectFromRemote(project, invocation, { scope: scope.value, grace });
  }
  const foreign = ['name', 'grace'].find((flag) => invocation.flags[flag] !== undefined);
  if (foreign !== undefined) return err(failure('usage', { message: `--${foreign} goes with --remote` }));
  const kept = planCollection(project, scope.value, Date.now());
  if (!kept.ok) return kept;
  const dry = isSet(invocation, 'dry');
  const done = await project.store.gc({ keep: kept.value.keep, keepObjects: kept.value.objects, dry });
  if (!done.ok) return err(failureOf(done.error));
  const { runs, objects, logs, bytes } = done.value;
  const text = isSet(invocation, 'json')
    ? JSON.stringify({ runs, objects, logs, bytes, dry })
    : `${dry ? 'would remove' : 'removed'} ${formatCount(runs, 'run')}, ${formatCount(objects, 'object')}, ${formatCount(logs, 'log')}: ${formatBytes(bytes)}`;
  invocation.io.stdout.write(`${text}\n`);
  return ok(exitCodes.done);
}

function readScope(invocation: Invocation): Result<GcScope, CommandFailure> {
  const keepLast = numberOf(invocation, 'keep-last', 1);
  if (!keepLast.ok) return keepLast;
  const age = textOf(invocation, 'older-than');
  const olderThan = age === undefined ? null : secondsOf(age);
  if (Number.isNaN(olderThan))
    return err(failure('usage', { message: `--older-than takes an age such as 30d, 12h or 90m, not "${age ?? ''}"` }));
  const scope = {
    workspace: isSet(invocation, 'workspace'),
    allBranches: isSet(invocation, 'all-branches'),
    olderThan,
    keepLast: keepLast.value ?? null,
  };
  if (scope.workspace || scope.allBranches || scope.olderThan !== null || scope.keepLast !== null) return ok(scope);
  return err(
    failure('usage', {
      message: '`dagrun gc` needs a scope that says what stays',
      hint: '--workspace, --all-branches, --older-than 30d or --keep-last 5; add --dry to see first',
    }),
  );
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

function secondsOf(age: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(age.trim());
  return match === null ? NaN : Number(match[1]) * units[match[2]!]!;
}
