import { appendFileSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestBytes, loadDigest } from '../core/digest.ts';
import { Pace } from './files-pace.ts';
import type { Steps } from './files-pace.ts';
import { FilesRig, settle } from './files-rig.ts';
import { FileClock } from './hash-clock.ts';
import { FileHasher } from './hash.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
  mkdirSync(rig.stateDir);
});
afterEach(() => rig.close());

/** A pace that does something between two reads of a file. */
class Meddler extends Pace {
  readonly #meddle: () => void;
  constructor(meddle: () => void) {
    super();
    this.#meddle = meddle;
  }
  override due(): boolean {
    this.#meddle();
    return false;
  }
}

function run<T>(steps: Steps<T>): T {
  const step = steps.next();
  if (step.done !== true) throw new Error('did not end');
  return step.value;
}

function hash(path: string, meddle: () => void): unknown {
  const hasher = new FileHasher(new Meddler(meddle), new FileClock(rig.stateDir));
  return run(hasher.hash(path, lstatSync(path)));
}

describe('hashing a file that changes meanwhile', () => {
  const big = Buffer.alloc(3_000_000, 'x');

  it('starts again, and gives the digest of what is there in the end', () => {
    writeFileSync(rig.at('f'), big);
    let edits = 2;
    const result = hash(rig.at('f'), () => {
      if (edits-- > 0) appendFileSync(rig.at('f'), 'more');
    });
    expect(result).toMatchObject({
      ok: true,
      value: { digest: digestBytes(Buffer.concat([big, Buffer.from('moremore')])) },
    });
  });

  it('gives up where it never stops changing', () => {
    writeFileSync(rig.at('f'), big);
    expect(hash(rig.at('f'), () => appendFileSync(rig.at('f'), 'more'))).toEqual({
      ok: false,
      error: 'changes while it is read',
    });
  });

  it('notices that the file was replaced, or has gone', () => {
    writeFileSync(rig.at('f'), big);
    writeFileSync(rig.at('g'), Buffer.alloc(big.length, 'y'));
    const replaced = hash(rig.at('f'), () => {
      if (lstatSync(rig.at('g'), { throwIfNoEntry: false }) !== undefined) renameSync(rig.at('g'), rig.at('f'));
    });
    expect(replaced).toMatchObject({ ok: true, value: { digest: digestBytes(Buffer.alloc(big.length, 'y')) } });
    expect(hash(rig.at('f'), () => rmSync(rig.at('f'), { force: true }))).toEqual({
      ok: false,
      error: 'changes while it is read',
    });
  });

  it('believes neither a stale stat nor a claimed size', () => {
    writeFileSync(rig.at('f'), 'short');
    const stale = lstatSync(rig.at('f'));
    appendFileSync(rig.at('f'), ' and longer');
    const hasher = new FileHasher(new Pace(), new FileClock(rig.stateDir));
    expect(run(hasher.hash(rig.at('f'), stale))).toMatchObject({
      ok: true,
      value: { digest: digestBytes(Buffer.from('short and longer')) },
    });
  });
});

describe('the racy window', () => {
  it('is over soon, and wide where the clock of the file system is unknown', async () => {
    writeFileSync(rig.at('f'), '');
    expect(new FileClock(rig.stateDir).settled(lstatSync(rig.at('f')))).toBe(false);
    await settle();
    expect(new FileClock(rig.stateDir).settled(lstatSync(rig.at('f')))).toBe(true);
    expect(new FileClock('/dev/null/nowhere').settled(lstatSync(rig.at('f')))).toBe(false);
  });

  it('is wide where times are whole seconds', async () => {
    await settle();
    const stat = lstatSync(rig.at('.'));
    const clock = new FileClock(rig.stateDir);
    const age = (ms: number): typeof stat =>
      Object.assign(Object.create(stat) as typeof stat, { ctimeMs: ms, mtimeMs: ms });
    const second = Math.floor(clock.now() / 1000) * 1000;
    expect(clock.settled(age(second - 1000 + 0.25))).toBe(true);
    expect(clock.settled(age(second - 1000))).toBe(false);
    expect(clock.settled(age(second - 3000))).toBe(true);
  });
});
