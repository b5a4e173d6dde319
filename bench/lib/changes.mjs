// The change matrix: what a user may do between two runs, and what a runner must then execute. Knows no tool.

import { appendFileSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * What a change may do: `dir` is the project, `run` a run of the tool, `setParameter` the edit of stage p's parameter in the tool's own file.
 * @typedef {{ dir: string, run: () => Promise<void>, setParameter: (value: string) => void }} Hands
 */
/**
 * `must`: the stages that have to execute, no more and no fewer, after which every out is right. `quiet`: the word for nothing executed.
 * @typedef {{ title: string, quiet: 'skips' | 'restores', must: string[], make: (hands: Hands) => void | Promise<void>, hurry?: boolean }} Change
 */

/** Edits keep clear of the clock's granularity, unless the change is about just that. */
export const SETTLE_MS = 300;

/** @param {string} path */
function touch(path) {
  utimesSync(path, new Date(), new Date());
}

/** @param {string} path @param {string} text as long as what is there */
function replaceUnnoticed(path, text) {
  const { atime, mtime, size } = statSync(path);
  if (size !== text.length) throw new Error(`${path} holds ${size} bytes, not ${text.length}`);
  writeFileSync(path, text);
  utimesSync(path, atime, mtime);
}

/** @type {Change[]} */
export const changes = [
  {
    title: 'touch only',
    quiet: 'skips',
    must: [],
    make: ({ dir }) => ['src/a.txt', 'src/p.txt', 'src/dir/1.txt'].forEach((path) => touch(join(dir, path))),
  },
  {
    title: 'same size, mtime put back',
    quiet: 'skips',
    must: ['a', 'b', 'c'],
    make: ({ dir }) => replaceUnnoticed(join(dir, 'src/a.txt'), 'FIRST\n'),
  },
  {
    title: 'the same at once after the run',
    quiet: 'skips',
    must: ['a', 'b', 'c'],
    hurry: true,
    make: ({ dir }) => replaceUnnoticed(join(dir, 'src/a.txt'), 'FIRST\n'),
  },
  { title: 'output deleted', quiet: 'restores', must: [], make: ({ dir }) => rmSync(join(dir, 'out/c.txt')) },
  { title: 'last output edited by hand', quiet: 'restores', must: [], make: ({ dir }) => edit(join(dir, 'out/c.txt')) },
  {
    title: 'middle output edited by hand',
    quiet: 'restores',
    must: [],
    make: ({ dir }) => edit(join(dir, 'out/b.txt')),
  },
  { title: "one stage's parameter", quiet: 'skips', must: ['p'], make: ({ setParameter }) => setParameter('two') },
  {
    title: 'upstream gives the same bytes',
    quiet: 'skips',
    must: ['a'],
    make: ({ dir }) => appendFileSync(join(dir, 'src/a.txt'), 'second\n'),
  },
  {
    title: 'A → B → A',
    quiet: 'restores',
    must: [],
    make: async ({ dir, run }) => {
      writeFileSync(join(dir, 'src/a.txt'), 'other\n');
      await run();
      await pause(SETTLE_MS);
      writeFileSync(join(dir, 'src/a.txt'), 'first\n');
    },
  },
  {
    title: 'A → B → A of a parameter',
    quiet: 'restores',
    must: [],
    make: async ({ run, setParameter }) => {
      setParameter('two');
      await run();
      await pause(SETTLE_MS);
      setParameter('one');
    },
  },
  {
    title: 'file added to a folder dep',
    quiet: 'skips',
    must: ['d'],
    make: ({ dir }) => writeFileSync(join(dir, 'src/dir/3.txt'), '3\n'),
  },
  {
    title: 'file removed from a folder dep',
    quiet: 'skips',
    must: ['d'],
    make: ({ dir }) => rmSync(join(dir, 'src/dir/2.txt')),
  },
];

/** An edit in place where that is allowed; otherwise, as an editor does, a new file under the old name. @param {string} path */
function edit(path) {
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  writeFileSync(path, `${text}edited\n`);
}

/** What every out of the pipeline must hold, from the sources as they are now. @param {string} dir @param {string} parameter @returns {Record<string, string>} */
export function rightOuts(dir, parameter) {
  const read = (/** @type {string} */ path) => readFileSync(join(dir, path), 'utf8');
  const a = `${read('src/a.txt').split('\n')[0]}\n`;
  const listed = readdirSync(join(dir, 'src/dir')).toSorted();
  return {
    'out/a.txt': a,
    'out/b.txt': `b:${a}`,
    'out/c.txt': `c:b:${a}`,
    'out/d.txt': listed.map((name) => read(`src/dir/${name}`)).join(''),
    'out/p.txt': `${parameter}:${read('src/p.txt')}`,
  };
}

/** @typedef {{ failed: boolean, executed: string[], right: boolean }} Seen */

/** What happened, in a word or two. @param {Change} change @param {Seen} seen @param {number} stages */
export function describeSeen(change, { failed, executed, right }, stages) {
  if (failed) return 'error';
  if (executed.length === 0) return right ? change.quiet : 'stale';
  const what = executed.length === stages ? 'all' : executed.join(' ');
  return right ? `runs ${what}` : `spreads it (runs ${what})`;
}

/** @param {Change} change @param {Seen} seen */
export const isRight = ({ must }, { failed, executed, right }) =>
  !failed && right && executed.join(' ') === must.join(' ');
