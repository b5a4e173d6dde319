// `dagrun completion`

import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadDigest } from '../core/digest.ts';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { compilePipeline } from '../run/compile.ts';
import { locatePipeline } from '../run/locate.ts';
import { lockFileFor } from '../workspace/lockfile.ts';
import { findCandidates } from './candidates.ts';
import type { Sources } from './candidates.ts';
import { globalOptions, toParseArgs } from './command.ts';
import type { Command, Invocation } from './command.ts';
import { commands } from './commands.ts';
import { completionScripts } from './completion-scripts.ts';

export const command: Command = {
  name: 'completion',
  args: 'bash | zsh | fish',
  summary:
    'Prints a script with which the shell completes commands, options and the names of stages.\nThe scripts ask `dagrun completion words -- WORD…` what may stand at the end of a command line.',
  examples: [
    'source <(dagrun completion bash)                                # in ~/.bashrc',
    'source <(dagrun completion zsh)                                 # in ~/.zshrc, after compinit',
    'dagrun completion fish > ~/.config/fish/completions/dagrun.fish',
  ],
  arity: [1, Infinity],
  options: {},
  run,
};

async function run({ args, cwd, io }: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const [shell = '', ...words] = args;
  if (shell === 'words') {
    const found = await findCandidates(words, sourcesFrom(cwd));
    for (const { text, help } of found) io.stdout.write(`${text}\t${help}\n`);
    return ok(exitCodes.done);
  }
  const script = completionScripts.get(shell);
  if (script === undefined)
    return err(
      failure('usage', {
        message: `there is no completion for "${shell}"`,
        hint: `there is one for ${[...completionScripts.keys()].join(', ')}`,
      }),
    );
  if (words.length > 0) return err(failure('usage', { message: `"${words[0]!}" is one argument too many` }));
  io.stdout.write(script);
  return ok(exitCodes.done);
}

function sourcesFrom(cwd: string): Sources {
  return {
    commands: Object.entries(commands).map(([text, { summary }]) => ({ text, help: summary })),
    load: async (name) => (Object.hasOwn(commands, name) ? (await commands[name]!.load()).command : undefined),
    stages: (before) => {
      // Not strict: the line need not be right, and not all of its options are among these.
      const { values } = parseArgs({ args: [...before], options: toParseArgs(globalOptions), strict: false });
      return readStages(resolve(cwd, pathOf(values['dir']) ?? '.'), pathOf(values['file']));
    },
  };
}

/** As the shell would hand it over: a word comes here as it was typed. */
function pathOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.replace(/^~(?=\/|$)/, homedir()) : undefined;
}

/** None where the pipeline cannot be read: a command says why, a completion does not. */
async function readStages(cwd: string, file: string | undefined): ReturnType<Sources['stages']> {
  const located = locatePipeline(cwd, file);
  if (!located.ok) return [];
  await loadDigest();
  const compiled = await compilePipeline({ ...located.value, lockFile: lockFileFor(located.value.file) });
  return compiled.ok ? compiled.value.pipeline.stages : [];
}
