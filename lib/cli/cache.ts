// `dagrun cache verify | stats | merge`

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { formatBytes, formatCount, formatSeconds } from '../report/format.ts';
import type { Project } from '../run/project.ts';
import type { VerifyReport } from '../store/verify.ts';
import { failureOf } from './cache-failure.ts';
import type { Command, Invocation } from './command.ts';
import { isSet, open } from './session.ts';

export const command: Command = {
  name: 'cache',
  args: 'verify | stats | merge DIR',
  summary:
    'verify: hashes every object and checks every entry (exit code 1 where something is damaged).\nstats: size, runs and hits. merge: takes over what another cache folder holds.',
  examples: ['dagrun cache verify --repair', 'dagrun cache stats', 'dagrun cache merge ../other/cache'],
  arity: [1, 2],
  options: {
    repair: { type: 'boolean', help: 'verify: remove what is damaged, so that it is made again' },
    json: { type: 'boolean', help: 'as JSON' },
  },
  run,
};

const actions = { verify, stats, merge } as const;

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const [name, extra] = invocation.args;
  if (name !== 'verify' && name !== 'stats' && name !== 'merge') {
    const near = suggest(name!, Object.keys(actions));
    return err(
      failure('usage', {
        message: `there is no \`dagrun cache ${name!}\``,
        hint: near === undefined ? 'verify, stats or merge' : `did you mean \`dagrun cache ${near}\`?`,
      }),
    );
  }
  if ((name === 'merge') !== (extra !== undefined)) {
    return err(
      failure('usage', {
        hint: '`dagrun cache --help` shows how it is used',
        message:
          name === 'merge'
            ? '`dagrun cache merge` needs the folder of the other cache'
            : `"${extra!}" is one argument too many`,
      }),
    );
  }
  if (isSet(invocation, 'repair') && name !== 'verify')
    return err(failure('usage', { message: '--repair goes with `dagrun cache verify`' }));
  const project = await open(invocation);
  return project.ok ? actions[name](project.value, invocation) : project;
}

async function verify(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { stdout, stderr } = invocation.io;
  const progress = stderr.isTTY && !isSet(invocation, 'json');
  const report = await project.store.verify({ repair: isSet(invocation, 'repair') }, ({ objects, bytes }) => {
    if (progress) stderr.write(`\rchecked ${formatCount(objects, 'object')}, ${formatBytes(bytes)}\u001b[K`);
  });
  if (progress) stderr.write('\r\u001b[K');
  if (!report.ok) return err(failureOf(report.error));
  const { objects, bytes, entries, problems, repaired } = report.value;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify(report.value)}\n`);
  else {
    for (const problem of problems) stdout.write(`${problem.message}\n`);
    const found =
      problems.length === 0
        ? 'nothing damaged'
        : `${formatCount(problems.length, 'problem')} found, ${repaired} repaired`;
    stdout.write(
      `checked ${formatCount(objects, 'object')} (${formatBytes(bytes)}) and ${formatCount(entries, 'run')}: ${found}\n`,
    );
    const hint = verifyHint(report.value);
    if (hint !== undefined) stdout.write(`  hint: ${hint}\n`);
  }
  return ok(problems.length > repaired ? exitCodes.failed : exitCodes.done);
}

/** A run whose objects are gone is history all the same: nothing is left to remove, only to make again. */
function verifyHint({ problems, repaired }: VerifyReport): string | undefined {
  if (problems.length === repaired) return undefined;
  const incomplete = problems.filter((problem) => problem.kind === 'entry-incomplete');
  if (problems.length > repaired + incomplete.length)
    return '`dagrun cache verify --repair` removes what is damaged; it is made again when it is needed';
  return `where the outs are still in the workspace, \`dagrun commit ${incomplete[0]!.stage}\` stores them again`;
}

async function stats(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { stdout } = invocation.io;
  const measured = await project.store.stats();
  if (!measured.ok) return err(failureOf(measured.error));
  const found = measured.value;
  if (isSet(invocation, 'json')) {
    stdout.write(`${JSON.stringify(found)}\n`);
    return ok(exitCodes.done);
  }
  stdout.write(`${project.cacheDir}\n`);
  stdout.write(
    `${formatCount(found.objects, 'object')}, ${formatBytes(found.bytes)}; ${formatCount(found.logs, 'log')}, ${formatBytes(found.logBytes)}\n`,
  );
  stdout.write(
    `${formatCount(found.runs, 'run')}, ${formatCount(found.hits, 'hit')} (saved ${formatSeconds(found.saved)})${found.damaged > 0 ? `, ${found.damaged} damaged` : ''}\n`,
  );
  for (const group of found.groups) {
    stdout.write(
      `  ${group.group}: ${formatCount(group.runs, 'run')} (${formatSeconds(group.seconds)}), ${formatCount(group.hits, 'hit')} (saved ${formatSeconds(group.saved)})\n`,
    );
  }
  return ok(exitCodes.done);
}

async function merge(project: Project, invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { stdout, stderr } = invocation.io;
  const dir = resolve(invocation.cwd, invocation.args[1]!);
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true)
    return err(
      failure('usage', {
        message: `there is no folder ${dir}`,
        hint: 'name the cache folder itself, the one that holds objects/ and runs/',
      }),
    );
  const done = await project.store.merge(dir);
  if (!done.ok) return err(failureOf(done.error));
  const { objects, bytes, runs, logs, skipped } = done.value;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify(done.value)}\n`);
  else
    stdout.write(
      `merged ${formatCount(runs, 'run')}, ${formatCount(objects, 'object')} (${formatBytes(bytes)}), ${formatCount(logs, 'log')}\n`,
    );
  for (const line of skipped) stderr.write(`left out: ${line}\n`);
  return ok(skipped.length > 0 ? exitCodes.failed : exitCodes.done);
}
