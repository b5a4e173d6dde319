import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildSync } from 'esbuild';
import { currentOwner } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import type { GuardResult } from '../plan/ports.ts';
import { guardWorkspace } from './guard.ts';
import type { GuardOptions } from './guard.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-'));
  path = join(folder, 'state/lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function take(options: Partial<GuardOptions> = {}): Promise<GuardResult> {
  return guardWorkspace({
    path,
    wait: false,
    signal: new AbortController().signal,
    onWait: () => undefined,
    onTakeOver: () => Promise.resolve(),
    ...options,
  });
}

async function mustTake(options: Partial<GuardOptions> = {}): Promise<{ release: () => void }> {
  const taken = await take(options);
  if (!taken.ok) throw new Error(taken.error.faults[0]!.message);
  return taken.value;
}

/** A process of this host that has ended: no start time of a live one is like it. */
const dead = (): Owner => ({ ...currentOwner('dagrun repro'), startTime: 'another boot' });

async function leave(text: string): Promise<void> {
  (await mustTake()).release();
  writeFileSync(path, text);
}

describe('guardWorkspace', () => {
  it('takes a free workspace and frees it, leaving nothing behind', async () => {
    const guard = await mustTake();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    guard.release();
    guard.release();
    expect(readdirSync(join(folder, 'state'))).toEqual([]);
    (await mustTake()).release();
  });

  it('a second release does not free what somebody else has taken since', async () => {
    const first = await mustTake();
    first.release();
    const second = await mustTake();
    first.release();
    expect(existsSync(path)).toBe(true);
    second.release();
  });

  it('61. names the pid and the command of a live holder', async () => {
    const owner = currentOwner('dagrun repro train');
    await leave(JSON.stringify(owner));
    const taken = await take();
    if (taken.ok) throw new Error('it was taken');
    expect(taken.error.kind).toBe('locked');
    expect(taken.error.faults[0]!.message).toContain(`pid ${process.pid}`);
    expect(taken.error.faults[0]!.message).toContain('dagrun repro train');
    expect(taken.error.faults[0]!.hint).toContain('--wait');
  });

  it('61. takes over the lock of a dead owner, and tells whose it was before the guard is given out', async () => {
    await leave(JSON.stringify(dead()));
    const told: Owner[] = [];
    const guard = await mustTake({ onTakeOver: async (owner) => void (await Promise.resolve(), told.push(owner)) });
    expect(told).toEqual([dead()]);
    guard.release();
    expect(readdirSync(join(folder, 'state'))).toEqual([]);
  });

  it('never takes over from another host, which cannot be asked, and says how to go on', async () => {
    await leave(JSON.stringify({ ...dead(), host: 'elsewhere' }));
    const taken = await take();
    if (taken.ok) throw new Error('it was taken');
    expect(taken.error.faults[0]!.message).toContain('elsewhere');
    expect(taken.error.faults[0]!.hint).toContain(path);
  });

  it.each(['', '{', '[]', '{"pid":"x"}', 'null'])('takes over a damaged lock: %j', async (text) => {
    await leave(text);
    (await mustTake()).release();
    expect(readdirSync(join(folder, 'state'))).toEqual([]);
  });

  it('waits until the holder is done, and tells once for whom', async () => {
    const first = await mustTake();
    const waited: Owner[] = [];
    const second = mustTake({
      wait: true,
      onWait: (owner) => {
        waited.push(owner);
        setTimeout(() => first.release(), 250);
      },
    });
    (await second).release();
    expect(waited.map((owner) => owner.pid)).toEqual([process.pid]);
  });

  it('gives up waiting when it is interrupted', async () => {
    const first = await mustTake();
    const controller = new AbortController();
    const taken = await take({ wait: true, signal: controller.signal, onWait: () => controller.abort('SIGINT') });
    expect(taken).toMatchObject({ ok: false, error: { kind: 'interrupted' } });
    expect(existsSync(path)).toBe(true);
    first.release();
  });

  it('reports a disk that refuses', async () => {
    writeFileSync(join(folder, 'state'), 'a file where the folder should be');
    expect(await take()).toMatchObject({ ok: false, error: { kind: 'storage' } });
  });

  it('of many processes that find one dead lock, one at a time holds it', async () => {
    await leave(JSON.stringify(dead()));
    const program = join(folder, 'contender.mjs');
    const here = fileURLToPath(import.meta.url).replace(/\.test\.ts$/, '.ts');
    buildSync({
      stdin: {
        contents: `
          import { linkSync, rmSync, writeFileSync } from 'node:fs';
          import { guardWorkspace } from ${JSON.stringify(here)};
          const [path, folder] = process.argv.slice(2);
          process.stdin.once('data', async () => {
            for (let round = 0; round < 20; round++) {
              const taken = await guardWorkspace({ path, wait: true, signal: new AbortController().signal,
                onWait: () => undefined, onTakeOver: () => Promise.resolve() });
              if (!taken.ok) throw new Error(taken.error.faults[0].message);
              // Fails where another process is in here as well.
              writeFileSync(folder + '/inside', String(process.pid), { flag: 'wx' });
              rmSync(folder + '/inside');
              if (round % 5 === 4) writeFileSync(path, ${JSON.stringify(JSON.stringify(dead()))});
              taken.value.release();
            }
            console.log('done');
            process.exit();
          });
          console.log('ready');`,
        resolveDir: folder,
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
    });
    const contenders = Array.from({ length: 5 }, () => {
      const child = spawn(process.execPath, [program, path, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const ready = new Promise<void>((resolve) =>
        createInterface({ input: child.stdout }).on('line', (line) => {
          if (line === 'ready') resolve();
        }),
      );
      const ended = new Promise<string>((resolve) => child.on('close', (code) => resolve(`${code}${errors}`)));
      return { child, ready, ended };
    });
    await Promise.all(contenders.map(({ ready, ended }) => Promise.race([ready, ended])));
    for (const { child } of contenders) child.stdin.write('go\n');
    expect(await Promise.all(contenders.map(({ ended }) => ended))).toEqual(contenders.map(() => '0'));
  });
});
