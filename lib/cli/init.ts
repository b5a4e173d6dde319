// `dagrun init`

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { codeOf, err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { defaultFiles } from '../run/locate.ts';
import type { Command, Invocation } from './command.ts';

export const command: Command = {
  name: 'init',
  args: '',
  summary:
    'Writes a small commented pipeline that runs as it stands, and the entries that .gitignore needs. Overwrites nothing.',
  examples: ['dagrun init', 'dagrun init --file other.yaml'],
  arity: [0, 0],
  options: {},
  run,
};

const pipeline = `# A dagrun pipeline: what each stage reads, runs and makes. \`dagrun repro\` runs it; what is unchanged is never run again.
stages:
  prepare:
    cmd: sort -u data/words.txt > data/prepared.txt
    deps:
      - data/words.txt # files or folders; their content is hashed
    outs:
      - data/prepared.txt # kept in cache/, and restored from there

  count:
    cmd: awk -v least="$(grep -o 'least_length:.*' params.yaml | tr -dc 0-9)" 'length($0) >= least' data/prepared.txt | wc -l > reports/count.txt
    deps:
      - data/prepared.txt # made by "prepare": that is what links the two
    params:
      - count.least_length # one key of params.yaml; other keys may change without a run
    metrics:
      - reports/count.txt

# More: foreach and matrix (one stage for each of many models), code (the imports of a script count as deps), env, host, runs,
# relocatable, resources and pools, timeout, retries.
`;

const files: Readonly<Record<string, string>> = {
  'params.yaml': 'count:\n  least_length: 4\n',
  'data/words.txt': 'never\ndo\nthe\nsame\nwork\ntwice\nnever\n',
};

// Without a slash at the end: `cache` may be a link to a larger disk.
const ignored = ['/cache', '/.dagrun', '/data/prepared.txt', '/reports/'];

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const { cwd } = invocation;
  const file = invocation.file ?? defaultFiles[0]!;
  if (file !== basename(file)) {
    const hint = '-C names the folder to write into';
    return err(failure('usage', { message: `--file takes the name of a new file here, not "${file}"`, hint }));
  }
  // Whichever of the usual names is there would be hidden by the other.
  const rivals = invocation.file === undefined ? defaultFiles : [file];
  const present = [...rivals, ...Object.keys(files)].filter((name) => existsSync(`${cwd}/${name}`));
  if (present.length > 0) {
    return err(
      failure(
        'usage',
        ...present.map((name) => ({
          message: `${name} is there already, and is not overwritten`,
          hint: 'run `dagrun init` in an empty folder, or write the pipeline by hand',
        })),
      ),
    );
  }
  try {
    for (const [name, text] of [[file, pipeline] as const, ...Object.entries(files)]) {
      if (name.includes('/')) mkdirSync(`${cwd}/${name.slice(0, name.lastIndexOf('/'))}`, { recursive: true });
      writeFileSync(`${cwd}/${name}`, text, { flag: 'wx' });
      invocation.io.stdout.write(`wrote ${name}\n`);
    }
    const added = addIgnored(`${cwd}/.gitignore`);
    if (added > 0) invocation.io.stdout.write(`added ${added} lines to .gitignore\n`);
  } catch (error) {
    return err(failure('storage', { message: `cannot write the starter pipeline: ${messageOf(error)}` }));
  }
  const dagrun = invocation.file === undefined ? 'dagrun' : `dagrun --file ${file}`;
  invocation.io.stdout.write(
    `next: \`${dagrun} repro\` runs it, \`${dagrun} status\` says what is stale, \`${dagrun} dag\` draws it\n`,
  );
  return Promise.resolve(ok(exitCodes.done));
}

/** Adds the lines that are not there yet, and leaves the rest as it is. */
function addIgnored(path: string): number {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const lines = new Set(text.split(/\r?\n/));
  const missing = ignored.filter((line) => !lines.has(line));
  if (missing.length === 0) return 0;
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  writeFileSync(path, `${text}${gap}${missing.join('\n')}\n`);
  return missing.length;
}
