// What a command is: options for node's parseArgs, words for its help, and a function that runs it.

import type { ParseArgsConfig } from 'node:util';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import type { Result } from '../core/result.ts';

export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  /** For the help: what the value stands for. */
  readonly value?: string;
  /** The values that there are, for completion. */
  readonly choices?: readonly string[];
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** Positional arguments in the help: `[targets…]`, or words to choose from, `list | add NAME URL`. Completion follows it. */
  readonly args: string;
  readonly summary: string;
  /** An example line or two. */
  readonly examples: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Least and most positional arguments. */
  readonly arity: readonly [number, number];
  readonly run: (invocation: Invocation) => Promise<Result<ExitCode, CommandFailure>>;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  /** Absolute path of the folder to work in (`-C`). */
  readonly cwd: string;
  /** `--file`. */
  readonly file: string | undefined;
  readonly io: CliIo;
}

/** The outside world of the command line. */
export interface CliIo {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
}

/** Options that every command has. */
export const globalOptions = {
  dir: { type: 'string', short: 'C', value: 'DIR', help: 'work in DIR' },
  file: { type: 'string', value: 'FILE', help: 'pipeline file (a dvc.yaml works as it stands)' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies Record<string, OptionSpec>;

export function toParseArgs(options: Readonly<Record<string, OptionSpec>>): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === true ? { multiple } : {}) },
    ]),
  );
}

/** The help of one command. */
export function renderHelp(command: Command): string {
  const specs: Readonly<Record<string, OptionSpec>> = { ...command.options, ...globalOptions };
  const options = Object.entries(specs).map(([name, option]) => {
    const long = name.length === 1 ? '' : `--${name}`;
    const flags = [option.short === undefined ? undefined : `-${option.short}`, long].filter(Boolean).join(', ');
    return [`${flags}${option.value === undefined ? '' : ` ${option.value}`}`, option.help] as const;
  });
  const width = Math.max(...options.map(([flags]) => flags.length));
  const lines = options.map(([flags, help]) => `  ${flags.padEnd(width)}  ${help}`);
  const usage = `dagrun ${command.name} ${command.args}`.trim();
  return [
    command.summary,
    '',
    `Usage: ${usage} [options]`,
    '',
    'Options:',
    ...lines,
    '',
    'Examples:',
    ...command.examples.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** Global options may stand before the command: `dagrun -C dir --file dvc.yaml repro`. */
export function splitCommand(argv: readonly string[]): { name: string | undefined; rest: readonly string[] } {
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index]!;
    if (!arg.startsWith('-')) return { name: arg, rest: [...argv.slice(0, index), ...argv.slice(index + 1)] };
    if (arg === '-C' || arg === '--dir' || arg === '--file') index++;
  }
  return { name: undefined, rest: argv };
}
