// The command line: finds the command, reads its options, runs it, and turns what comes back into an exit code.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, exitCodes, failure, renderFault } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { codeOf, err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { globalOptions, renderHelp, splitCommand, toParseArgs } from './command.ts';
import type { CliIo, Command, Invocation } from './command.ts';
import { commands } from './commands.ts';

declare const __DAGRUN_VERSION__: string;

/** Runs one command line (without `node` and the script); returns the exit code. */
export async function main(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const result = await dispatch(argv, io);
  if (result.ok) return result.value;
  for (const fault of result.error.faults) io.stderr.write(`${renderFault(fault)}\n`);
  return exitCodeOf(result.error.kind);
}

async function dispatch(argv: readonly string[], io: CliIo): Promise<Result<ExitCode, CommandFailure>> {
  const { name, rest } = splitCommand(argv);
  if (name === undefined) return showOverview(rest, io);
  if (name === 'help') return dispatch([...rest, '--help'], io);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    const near = synonyms.get(name) ?? suggest(name, Object.keys(commands));
    return err(
      failure('usage', {
        message: `there is no command "${name}"`,
        hint: near === undefined ? '`dagrun --help` lists the commands' : `did you mean \`dagrun ${near}\`?`,
      }),
    );
  }
  const { command } = await entry.load();
  const invocation = readInvocation(command, rest, io);
  if (!invocation.ok) return invocation;
  if (invocation.value === 'help') {
    io.stdout.write(renderHelp(command));
    return ok(exitCodes.done);
  }
  return command.run(invocation.value);
}

/** What other programs call it. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['run', 'repro'],
  ['build', 'repro'],
  ['make', 'repro'],
  ['graph', 'dag'],
]);

function showOverview(args: readonly string[], io: CliIo): Result<ExitCode, CommandFailure> {
  if (args.includes('--version') || args.includes('-V')) {
    io.stdout.write(`${__DAGRUN_VERSION__}\n`);
    return ok(exitCodes.done);
  }
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  const text = [
    'dagrun: run a pipeline, never the same work twice',
    '',
    'Usage: dagrun <command> [options]',
    '',
    'Commands:',
    ...lines,
    '',
    '`dagrun <command> --help` tells more; `dagrun --version` shows the version.',
    '',
  ].join('\n');
  const asked = args.length === 0 || args.includes('--help') || args.includes('-h');
  if (!asked)
    return err(
      failure('usage', {
        message: `there is no option "${args[0]!}" without a command`,
        hint: '`dagrun --help` lists the commands',
      }),
    );
  io.stdout.write(text);
  return ok(exitCodes.done);
}

/** Also one that the unknown option begins with, or that begins with it: `--dry-run`, `--verb`. */
function nearOption(unknown: string, known: readonly string[]): string | undefined {
  const least = '--abc'.length;
  const begins = (short: string, long: string): boolean => short.length >= least && long.startsWith(short);
  return suggest(unknown, known) ?? known.find((option) => begins(option, unknown) || begins(unknown, option));
}

function readInvocation(
  command: Command,
  args: readonly string[],
  io: CliIo,
): Result<Invocation | 'help', CommandFailure> {
  const options = { ...command.options, ...globalOptions };
  const usage = (
    message: string,
    hint = `\`dagrun ${command.name} --help\` lists the options`,
  ): Result<never, CommandFailure> => err(failure('usage', { message, hint }));
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: toParseArgs(options), allowPositionals: true, strict: true });
  } catch (error) {
    const unknown = /Unknown option '(--?[^']+)'/.exec(messageOf(error))?.[1];
    if (unknown === undefined) return usage(messageOf(error).split('. ')[0]!);
    const near = nearOption(
      unknown,
      Object.keys(options).map((name) => `--${name}`),
    );
    return usage(
      `there is no option "${unknown}" of \`dagrun ${command.name}\``,
      near === undefined ? undefined : `did you mean "${near}"?`,
    );
  }
  const { values, positionals } = parsed;
  if (values['help'] === true) return ok('help');
  const [least, most] = command.arity;
  if (positionals.length < least) return usage(`\`dagrun ${command.name}\` needs ${command.args}`);
  const excess = positionals[most];
  if (excess !== undefined)
    return usage(
      `"${excess}" is one argument too many`,
      // With some commands --remote has a value, with others there is --name for that.
      values['remote'] === true ? `\`-r ${excess}\` names a remote` : undefined,
    );
  const { dir, file } = values;
  const cwd = resolvePlace(typeof dir === 'string' ? dir : '.');
  if (cwd === undefined) return usage('the current folder does not exist any more', 'change into one that does');
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true)
    return usage(`there is no folder ${cwd}`, 'check the path after -C');
  return ok({
    args: positionals,
    flags: values,
    cwd,
    file: typeof file === 'string' ? file : undefined,
    io,
  });
}

/** Undefined: relative to a folder that was removed under us. */
function resolvePlace(dir: string): string | undefined {
  try {
    return resolve(dir);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
