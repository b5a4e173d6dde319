// What may stand where the cursor is: the words of a command line up to there in, candidates out. Knows neither shells nor where the names of
// stages come from.

import { globalOptions, splitCommand } from './command.ts';
import type { Command, OptionSpec } from './command.ts';

export interface Candidate {
  readonly text: string;
  readonly help: string;
}

/** What is needed to answer; each is asked for only where it is. */
export interface Sources {
  /** Names and summaries of all commands. */
  readonly commands: readonly Candidate[];
  readonly load: (name: string) => Promise<Command | undefined>;
  /** The stages of the pipeline that these words (options before the cursor) lead to. */
  readonly stages: (before: readonly string[]) => Promise<readonly Stage[]>;
}

interface Stage {
  readonly name: string;
  readonly group: string;
}

type Options = Readonly<Record<string, OptionSpec>>;

/** `words`: those after the program's name, the last being the one at the cursor. None where only a file or nothing can stand there. */
export async function findCandidates(words: readonly string[], sources: Sources): Promise<readonly Candidate[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { name } = splitCommand(before);
  const command = name === undefined ? undefined : await sources.load(name);
  if (name !== undefined && command === undefined) return [];
  const options: Options = { ...command?.options, ...globalOptions };
  const literal = before.includes('--');
  const taker = literal ? undefined : takerOf(before.at(-1), options);
  if (taker !== undefined) return starting(current, choicesOf(taker));
  const equals = /^--([^=]+)=/.exec(current);
  if (!literal && equals !== null) {
    const [prefix, option] = equals as unknown as [string, string];
    return starting(
      current,
      choicesOf(options[option]).map((choice) => ({ ...choice, text: prefix + choice.text })),
    );
  }
  if (!literal && current.startsWith('-')) return starting(current, optionCandidates(options));
  if (command === undefined) return starting(current, sources.commands);
  return findArguments(command, before, current, sources);
}

/** The option whose value comes next. */
function takerOf(word: string | undefined, options: Options): OptionSpec | undefined {
  const found = Object.entries(options).find(
    ([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  )?.[1];
  return found?.type === 'string' ? found : undefined;
}

function choicesOf(option: OptionSpec | undefined): readonly Candidate[] {
  return (option?.choices ?? []).map((text) => ({ text, help: '' }));
}

function optionCandidates(options: Options): readonly Candidate[] {
  return Object.entries(options).map(([name, { help }]) => ({
    text: name.length === 1 ? `-${name}` : `--${name}`,
    help,
  }));
}

async function findArguments(
  command: Command,
  before: readonly string[],
  current: string,
  sources: Sources,
): Promise<readonly Candidate[]> {
  if (/target|stages?\b/.test(command.args)) return stageCandidates(await sources.stages(before), current);
  const words = command.args.split('|').map((form) => form.trim().split(' ', 1)[0]!);
  // Which of them it is stands right behind the command.
  if (words.length < 2 || before.at(-1) !== command.name) return [];
  return starting(
    current,
    words.map((text) => ({ text, help: '' })),
  );
}

/** Stages by their groups first: those of one show once its name is there, or can only be meant. */
function stageCandidates(stages: readonly Stage[], current: string): readonly Candidate[] {
  const sizes = new Map<string, number>();
  for (const { name, group } of stages) if (name !== group) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const groups = starting(
    current,
    [...new Set(stages.map(({ group }) => group))].map((text) => ({
      text,
      help: sizes.has(text) ? `${sizes.get(text)!} stages` : 'stage',
    })),
  );
  const only = groups.length === 1 ? groups[0]!.text : undefined;
  const members = stages.filter(
    ({ name, group }) => name !== group && (group === only || group === current || current.includes('@')),
  );
  return [
    ...groups,
    ...starting(
      current,
      members.map(({ name }) => ({ text: name, help: 'stage' })),
    ),
  ];
}

function starting(current: string, all: readonly Candidate[]): readonly Candidate[] {
  return all.filter(({ text }) => text.startsWith(current));
}
