// The workflow that trains in GitHub Actions, played job by job in fresh clones with the real stages: what was trained once is never trained again.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineCopy, tiny, type Model } from '../pipeline/workspace.ts';
import { play, readWorkflow, type Event, type Played } from './player.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const workflow = readWorkflow('mlops.yaml');
const minutes = 60_000;
const a = tiny(4);
const b = tiny(6, { lr: 0.02 });

let repository: PipelineCopy;
let storage: string;
let run = 0;

beforeAll(() => {
  storage = mkdtempSync(join(tmpdir(), 'dagrun-actions-'));
  repository = new PipelineCopy();
  for (const name of ['node_modules', 'dist']) rmSync(repository.path(name));
  for (const name of ['.gitignore', 'package-lock.json', '.github'])
    cpSync(join(root, name), repository.path(name), { recursive: true });
  git('init', '--quiet', '--initial-branch=main');
  recordComments();
});

afterAll(() => {
  repository.remove();
  rmSync(storage, { recursive: true, force: true });
});

function git(...args: string[]): void {
  const identity = ['-c', 'user.name=someone', '-c', 'user.email=someone@example.org'];
  execFileSync('git', [...identity, ...args], { cwd: repository.folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** GitHub's own command line is not here: what the workflow says to it is written down. */
function recordComments(): void {
  mkdirSync(join(storage, 'bin'));
  const gh = join(storage, 'bin', 'gh');
  writeFileSync(gh, `#!/bin/sh\necho "$GH_REPO $*" >> ${storage}/comments\n`);
  chmodSync(gh, 0o755);
}

function push(models: Readonly<Record<string, Model>>, event: Partial<Event> = {}): Played {
  repository.models(models);
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '--message', 'change');
  run += 1;
  return play(workflow, { repository: repository.folder, storage, run, ...event });
}

/** The models with a leg of their own. */
function legs({ results }: Played): string[] {
  return Object.keys(results).flatMap((name) => /^train \((.+)\)$/.exec(name)?.[1] ?? []);
}

interface Ranking {
  readonly candidates: readonly { readonly names: readonly string[]; readonly rank: number | null }[];
}

/** The models that the published ranking compares. */
function compared(): string[] {
  const file = join(storage, 'artifacts', String(run), 'report', 'reports', 'ranking.json');
  const { candidates } = JSON.parse(readFileSync(file, 'utf8')) as Ranking;
  return candidates.flatMap(({ names }) => names).sort();
}

describe('the workflow', () => {
  it(
    'trains every model at the first push, each in a job of its own, and publishes the report',
    () => {
      const played = push({ a, b });
      expect(played.results).toEqual({
        plan: 'success',
        'train (a)': 'success',
        'train (b)': 'success',
        train: 'success',
        compare: 'success',
      });
      expect(compared()).toEqual(['a', 'b']);
      const published = join(storage, 'artifacts', String(run), 'report');
      expect(readdirSync(join(published, 'best'))).toContain('model.json');
      expect(readFileSync(join(published, 'reports', 'report.html'), 'utf8')).toContain('<html');
      expect(played.summary).toContain('score');
      expect(existsSync(join(storage, 'comments'))).toBe(false);
    },
    5 * minutes,
  );

  it(
    'trains nothing when only the weights of the choice change, and tells the pull request',
    () => {
      const metrics = repository.read('evaluation_metrics.yaml');
      repository.write('evaluation_metrics.yaml', metrics.replace('complexity: 1.0', 'complexity: 3.0'));
      const head = { repo: { full_name: 'owner/name' } };
      const github = { event_name: 'pull_request', event: { pull_request: { number: 7, head } } };
      const played = push({ a, b }, { github });
      expect(played.results).toEqual({ plan: 'success', train: 'skipped', compare: 'success' });
      expect(compared()).toEqual(['a', 'b']);
      expect(readFileSync(join(storage, 'comments'), 'utf8')).toMatch(
        /^owner\/name pr comment 7 --body-file reports\/report.md/,
      );
    },
    3 * minutes,
  );

  it(
    'trains one model when one is added',
    () => {
      const played = push({ a, b, c: tiny(5) });
      expect(legs(played)).toEqual(['c']);
      expect(compared()).toEqual(['a', 'b', 'c']);
    },
    3 * minutes,
  );

  it(
    'loses nothing of the others when a model fails, and trains only that one again',
    () => {
      const models = { a, b, c: tiny(5), bad: tiny(7), good: tiny(8) };
      const sabotage = (leg: string, workspace: string): void => {
        const program = join(workspace, 'stages/train.ts');
        if (leg === 'bad') writeFileSync(program, 'process.exitCode = 1;\n');
      };
      const failed = push(models, { sabotage });
      expect(failed.results).toMatchObject({
        'train (bad)': 'failure',
        'train (good)': 'success',
        train: 'failure',
        compare: 'success',
      });
      expect(compared()).toEqual(['a', 'b', 'c', 'good']);
      const mended = push(models);
      expect(legs(mended)).toEqual(['bad']);
      expect(compared()).toEqual(['a', 'b', 'bad', 'c', 'good']);
    },
    5 * minutes,
  );

  it(
    'gives two names of one definition one job',
    () => {
      const played = push({ a, b, one: tiny(9), other: tiny(9) });
      expect(legs(played)).toEqual(['one']);
      expect(played.logs['one']).toContain('train@other');
      expect(legs(push({ a, b, one: tiny(9), other: tiny(9) }))).toEqual([]);
    },
    4 * minutes,
  );

  it(
    'hands everything on through a remote where one is configured',
    () => {
      const remote = mkdtempSync(join(storage, 'remote-'));
      const models = { d: tiny(3), e: tiny(4, { lr: 0.05 }) };
      const vars = { DAGRUN_REMOTE: remote };
      const caches = join(storage, 'caches');
      const stored = (): string[] => (existsSync(caches) ? readdirSync(caches) : []);
      const before = stored();
      const first = push(models, { vars });
      expect(first.results).toMatchObject({ 'train (d)': 'success', 'train (e)': 'success', compare: 'success' });
      expect(compared()).toEqual(['d', 'e']);
      const second = push({ ...models, f: tiny(5, { lr: 0.05 }) }, { vars });
      expect(legs(second)).toEqual(['f']);
      expect(compared()).toEqual(['d', 'e', 'f']);
      expect(stored()).toEqual(before);
    },
    5 * minutes,
  );
});
