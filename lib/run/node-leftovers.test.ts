import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimFolder, removeLeftovers } from './node-leftovers.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'dagrun-node-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** The folder of a job of this process, with changes in what it says of its owner. */
function makeFolder(name: string, change: object = {}): string {
  const folder = join(place, `dagrun-job-${name}`);
  mkdirSync(join(folder, 'workspace'), { recursive: true });
  claimFolder(folder);
  const owner = JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8')) as object;
  writeFileSync(join(folder, 'owner.json'), JSON.stringify({ ...owner, ...change }));
  return folder;
}

const left = async (): Promise<string[]> => {
  await removeLeftovers({ place, outputs: place });
  return readdirSync(place).sort();
};
const dead = { startTime: '00000000-1' };
const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('the folders of jobs', () => {
  it('go where their process is certainly dead, and stay in every other case', async () => {
    makeFolder('dead', dead);
    makeFolder('living');
    makeFolder('elsewhere', { ...dead, host: 'another-host' });
    makeFolder('contained', { ...dead, namespace: 'pid:[1]' });
    makeFolder('odd', { pid: 'many' });
    mkdirSync(join(place, 'dagrun-job-nameless'));
    mkdirSync(join(place, 'other'));
    symlinkSync(makeFolder('target'), join(place, 'dagrun-job-link'));
    writeFileSync(join(place, 'dagrun-job-file'), '');
    expect(await left()).toEqual(
      ['contained', 'elsewhere', 'file', 'link', 'living', 'nameless', 'odd', 'target']
        .map((name) => `dagrun-job-${name}`)
        .concat('other'),
    );
  });

  asRoot('of another user stay', async () => {
    const folder = makeFolder('theirs', dead);
    chownSync(folder, 65_534, 65_534);
    expect(await left()).toEqual(['dagrun-job-theirs']);
  });

  it('are none where there is no such place', async () => {
    await removeLeftovers({ place: join(place, 'nowhere'), outputs: join(place, 'nowhere') });
  });
});

describe('the outputs of jobs', () => {
  it('stay for a week, and as long as anything of the job runs', async () => {
    const child = spawn('sleep', ['60'], { env: { ...process.env, SLURM_JOB_ID: '900000012' }, stdio: 'ignore' });
    await once(child, 'spawn');
    try {
      for (const name of [
        'dagrun-90000001.out',
        'dagrun-900000012.out',
        'dagrun-90000002.out',
        'dagrun-x.out',
        'a.out',
      ]) {
        writeFileSync(join(place, name), '');
        if (name !== 'dagrun-90000002.out') utimesSync(join(place, name), 1, 1);
      }
      expect(await left()).toEqual(['a.out', 'dagrun-900000012.out', 'dagrun-90000002.out', 'dagrun-x.out']);
    } finally {
      child.kill();
    }
  });
});
