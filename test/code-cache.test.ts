// The code caches of V8 that the program keeps beside itself: whatever is or is not there, it does what it is asked.

import { beforeEach, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliPath, useRig } from './rig.ts';

const rig = useRig();
const caches = (): string[] => rig.files('dist').filter((path) => path.endsWith('.cache'));

function status(): void {
  rig.write({ 'pipeline.yaml': `# ${String(Math.random())}\nstages: {one: {cmd: "true"}}\n` });
  const run = spawnSync(process.execPath, [rig.path('dist/cli.cjs'), 'status'], {
    cwd: rig.root,
    env: rig.env(),
    encoding: 'utf8',
  });
  expect([run.status, run.stderr]).toEqual([0, '']);
  expect(run.stdout).toContain('1 stage');
}

/** A program of one's own, which has run once without caches. */
beforeEach(() => {
  for (const name of ['cli.cjs', 'main.cjs', 'vendor'])
    cpSync(join(dirname(cliPath), name), rig.path(`dist/${name}`), { recursive: true });
  for (const path of caches()) rmSync(rig.path(path));
  status();
});

it('are left by a run that found none, of the program and of what it has loaded, and stay', () => {
  const left = caches();
  const names = left.map((path) => path.replace(/-.*/, ''));
  for (const name of ['dist/main', 'dist/vendor/yaml']) expect(names).toContain(name);
  // Of this build: V8 takes that of another for this one's where both files have the same length.
  for (const path of left) expect(path).toMatch(new RegExp(`-[0-9a-f]{12}-${process.version}-`));
  const before = left.map((path) => statSync(rig.path(path)).mtimeMs);
  status();
  expect(left.map((path) => statSync(rig.path(path)).mtimeMs)).toEqual(before);
  expect(caches()).toEqual(left);
});

it('that V8 refuses are written anew', () => {
  const whole = caches().map((path) => statSync(rig.path(path)).size);
  for (const path of caches()) writeFileSync(rig.path(path), rig.read(path).slice(0, 1000));
  status();
  caches().forEach((path, index) => expect(statSync(rig.path(path)).size).toBeGreaterThan(whole[index]! / 2));
});

it('that can neither be read nor replaced are done without', () => {
  const before = rig.files('dist');
  for (const path of caches()) {
    rmSync(rig.path(path));
    mkdirSync(rig.path(path));
  }
  status();
  expect(readdirSync(rig.path('dist/vendor')).filter((name) => name.includes('.cache-'))).toEqual([]);
  expect(rig.files('dist')).toEqual(before.filter((path) => !path.endsWith('.cache')));
});
