// The rows of the table: which pipeline, what is done with it, against whom, and the target. Knows no tool's command line.

import { bigFile, chain, folder, independent, layers, manyDeps } from './pipelines.mjs';

/** @typedef {import('./pipelines.mjs').Shape} Shape */
/**
 * noop: nothing may run. edited: a comment in the pipeline file is another one, nothing may run. cold: everything runs. restore: outs are deleted, nothing may run, all must be back.
 * hash: what dagrun remembers of files (its stat index) is deleted, so that every byte is read again.
 * `ratio` counts against the floor of that name: at most for times; for hash, speed at least.
 * @typedef {{ ms?: number, msPerStage?: number, ratio?: { floor: string, atMost?: number, atLeast?: number }, mib?: number }} Target
 * @typedef {{ name: string, title: string, kind: 'noop' | 'edited' | 'cold' | 'restore' | 'hash', shape: () => Shape, against: string[],
 *   floors: Record<string, string[]>, target: Target, rounds?: number, status: boolean }} Case
 */

const ALL = ['ninja', 'make', 'snakemake', 'turbo', 'nx', 'nx-daemon', 'wireit', 'dvc'];
/** DVC takes minutes to build 200 stages: 1,000 would take longer than all the rest. */
const LARGE = ALL.filter((name) => name !== 'dvc');
/** Those whose pipeline file may hold a comment. */
const COMMENTED = ['ninja', 'make', 'snakemake', 'dvc'];
const NODE = { 'node -e 0': [process.execPath, '-e', '0'] };
const FIND = { find: ['find', 'src/big', '-printf', '%s %T@ %i\\n'] };
const GIT = { 'git status': ['git', 'status', '--short', '--untracked-files=all', 'src'] };
/** xxhsum has no seed option: two passes stand for two seeds. */
const XXHSUM = {
  'xxhsum, 2 passes': [
    'sh',
    '-c',
    'for i in 1 2; do find src -type f -print0 | xargs -0 xxhsum -q -H64 > /dev/null || exit 1; done',
  ],
};

/** @param {string} name @param {string} title @param {Partial<Case> & Pick<Case, 'shape' | 'target'>} rest @returns {Case} */
const row = (name, title, rest) => ({
  name,
  title,
  kind: 'noop',
  against: ALL,
  status: true,
  ...rest,
  floors: { ...NODE, ...rest.floors },
});

/** @type {Case[]} */
export const cases = [
  row('20-stages-2000-deps', '20 stages / 2,000 file deps', {
    shape: () => manyDeps(20, 100),
    target: { ratio: { floor: 'node -e 0', atMost: 2.2 } },
  }),
  row('100-independent', '100 independent stages', { shape: () => independent(100), target: { ms: 50 } }),
  row('1000-independent', '1,000 independent stages', {
    shape: () => independent(1000),
    against: LARGE,
    target: { ms: 100 },
  }),
  row('200-chain', '200 stages in a chain', { shape: () => chain(200), target: { ms: 60 } }),
  row('1000-layers', '1,000 stages in 10 layers', {
    shape: () => layers(1000, 10),
    against: LARGE,
    target: { ms: 100 },
  }),
  row('10000-independent', '10,000 independent stages', {
    shape: () => independent(10_000),
    target: { ms: 1000, mib: 200 },
    against: ['ninja', 'make', 'turbo'],
    rounds: 5,
  }),
  row('20000-files', 'one folder dep of 20,000 files of 3 KB', {
    shape: () => folder(20_000, 3072),
    target: { ms: 100 },
    floors: { ...FIND, ...GIT },
  }),
  row('100000-files', 'one folder dep of 100,000 files of 3 KB', {
    shape: () => folder(100_000, 3072),
    target: { ratio: { floor: 'find', atMost: 1.8 } },
    floors: { ...FIND, ...GIT },
  }),
  row('1000000-files', 'one folder dep of 1,000,000 files of 100 bytes', {
    shape: () => folder(1_000_000, 100),
    target: { mib: 1024 },
    floors: FIND,
    against: [],
    rounds: 3,
  }),
  row('20-edited', '20 stages / 20 file deps, after an edit of the pipeline file', {
    kind: 'edited',
    shape: () => independent(20),
    against: COMMENTED,
    target: {},
  }),
  row('1000-edited', '1,000 independent stages, after an edit of the pipeline file', {
    kind: 'edited',
    shape: () => independent(1000),
    against: COMMENTED.filter((name) => name !== 'dvc'),
    target: {},
  }),
  row('200-cold', 'cold run of 200 trivial stages (cp), 2 jobs', {
    kind: 'cold',
    shape: () => independent(200, { logged: false }),
    target: { msPerStage: 5 },
    rounds: 5,
    status: false,
  }),
  row('200-restore', 'restore of 200 deleted outs', {
    kind: 'restore',
    shape: () => independent(200),
    target: { ms: 150 },
    status: false,
  }),
  row('hash-1gib', 'first hash of one file of 1 GiB', {
    kind: 'hash',
    shape: () => bigFile(2 ** 30),
    target: { ratio: { floor: 'xxhsum, 2 passes', atLeast: 0.45 } },
    floors: XXHSUM,
    against: [],
  }),
  row('hash-20000-files', 'first hash of 20,000 files of 3 KB', {
    kind: 'hash',
    shape: () => folder(20_000, 3072),
    target: { ratio: { floor: 'xxhsum, 2 passes', atLeast: 1 } },
    floors: XXHSUM,
    against: [],
  }),
];

/** Ten times the size must take about ten times as long, the start of node taken off. */
export const growths = [
  { small: '1000-independent', large: '10000-independent', factor: 10 },
  { small: '100000-files', large: '1000000-files', factor: 10 },
];
