// The pipeline that the crash tests run: a diamond with a folder, large files, links and an out that is written bit by bit. What it
// has to make from a seed is known without dagrun.

import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export const crashPipeline = {
  stages: {
    big: { cmd: 'yes "$(cat seed)" | head -c 1500000 > big', deps: ['seed'], outs: ['big'] },
    left: { cmd: 'head -c 200 big > left', deps: ['big'], outs: ['left'] },
    folder: {
      cmd: [
        'mkdir -p tree/sub tree/empty',
        'head -c 70000 big > tree/a && tail -c 1100000 big > tree/sub/b',
        'ln -s sub/b tree/link; head -c 10 big > tree/tool; chmod +x tree/tool',
      ],
      deps: ['big'],
      outs: ['tree'],
    },
    // Appends with a new opening for each line: a process left over from an earlier run would spoil the file.
    slow: { cmd: 'for i in 1 2 3 4; do cat seed >> slow; sleep 0.02; done', deps: ['seed'], outs: ['slow'] },
    join: {
      cmd: 'head -c 20 left > joined; tail -c 30 tree/sub/b >> joined; cat slow >> joined',
      deps: ['left', 'tree', 'slow'],
      outs: ['joined'],
    },
  },
};

export const crashStages = Object.keys(crashPipeline.stages);
export const outOfStage: Readonly<Record<string, string>> = {
  big: 'big',
  left: 'left',
  folder: 'tree',
  slow: 'slow',
  join: 'joined',
};

/** What every path must hold: the text of a file, `-> target` of a link, `/` of a folder, with `x ` before an executable one. */
export function expectedOuts(seed: string): Record<string, string> {
  const big = `${seed}\n`.repeat(Math.ceil(1_500_000 / (seed.length + 1))).slice(0, 1_500_000);
  const slow = `${seed}\n`.repeat(4);
  return {
    big,
    left: big.slice(0, 200),
    tree: '/',
    'tree/a': big.slice(0, 70_000),
    'tree/empty': '/',
    'tree/link': '-> sub/b',
    'tree/sub': '/',
    'tree/sub/b': big.slice(-1_100_000),
    'tree/tool': `x ${big.slice(0, 10)}`,
    slow,
    joined: big.slice(0, 20) + big.slice(-30) + slow,
  };
}

/** The same of what is there, at and below a path. */
export function actualOuts(root: string, path: string): Record<string, string> {
  const place = join(root, path);
  const stat = lstatSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return {};
  if (stat.isSymbolicLink()) return { [path]: `-> ${readlinkSync(place)}` };
  if (stat.isFile()) return { [path]: `${(stat.mode & 0o100) === 0 ? '' : 'x '}${readFileSync(place, 'latin1')}` };
  const below = readdirSync(place).map((name) => actualOuts(root, `${path}/${name}`));
  return Object.assign({ [path]: '/' }, ...below) as Record<string, string>;
}

/** A sentence for each path of an out that is not as it must be. Contents are not printed: they are long. */
export function wrongPaths(root: string, out: string, seed: string): string[] {
  const all = expectedOuts(seed);
  const actual = actualOuts(root, out);
  const paths = Object.keys(all).filter((path) => path === out || path.startsWith(`${out}/`));
  const wrong = paths.filter((path) => actual[path] !== all[path]);
  const extra = Object.keys(actual).filter((path) => all[path] === undefined);
  return [
    ...wrong.map((path) => `${path} is ${existsSync(join(root, path)) ? 'wrong' : 'missing'}`),
    ...extra.map((path) => `${path} should not be there`),
  ];
}
