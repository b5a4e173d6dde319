import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { loadDigest } from '../core/digest.ts';
import { currentOwner } from '../core/owner.ts';
import { beginActivity } from './activity.ts';
import { Layout } from './layout.ts';
import { makeTestbed } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
let layout: Layout;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
  layout = new Layout(bed.dir);
  mkdirSync(`${bed.dir}/active`, { recursive: true });
});
afterEach(() => bed.dispose());

const everything = { keep: () => false, keepObjects: new Set<never>(), dry: false };
/** No process has this number. */
const dead = { ...currentOwner('dagrun repro'), pid: 4194305 };

function plant(kind: 'runner' | 'gc', text: string): string {
  const path = `${bed.dir}/active/${kind}-planted-1.json`;
  writeFileSync(path, text);
  return path;
}

describe('activity', () => {
  it('any number of runners go together, and leave nothing behind', () => {
    const guards = [1, 2, 3].map(() => bed.store.beginActivity('dagrun repro'));
    expect(guards.every((guard) => guard.ok)).toBe(true);
    expect(readdirSync(`${bed.dir}/active`).length).toBe(3);
    for (const guard of guards) if (guard.ok) guard.value.release();
    expect(readdirSync(`${bed.dir}/active`)).toEqual([]);
  });

  it('gc is refused while a runner is active, naming pid and command, and goes ahead afterwards', async () => {
    const guard = bed.store.beginActivity('dagrun repro -j 4');
    const refused = await bed.reopen().gc(everything);
    expect(refused).toMatchObject({
      ok: false,
      error: { kind: 'runner', owner: { pid: process.pid, command: 'dagrun repro -j 4' } },
    });
    expect(!refused.ok && refused.error.message).toBe(
      `the cache is in use by process ${process.pid}: dagrun repro -j 4`,
    );
    expect(await bed.store.gc({ ...everything, dry: true })).toMatchObject({ ok: true });
    if (guard.ok) guard.value.release();
    expect(await bed.store.gc(everything)).toMatchObject({ ok: true });
    expect(readdirSync(`${bed.dir}/active`)).toEqual([]);
  });

  it('runners, merge and repair are refused while a gc is active; so is a second gc', async () => {
    const guard = beginActivity(layout, 'gc', 'dagrun gc --workspace');
    expect(bed.store.beginActivity('dagrun repro')).toMatchObject({
      ok: false,
      error: { kind: 'gc', owner: { command: 'dagrun gc --workspace' } },
    });
    expect(await bed.store.gc(everything)).toMatchObject({ ok: false, error: { kind: 'gc' } });
    expect(await bed.store.merge(bed.base)).toMatchObject({ ok: false, error: { kind: 'gc' } });
    expect(await bed.store.verify({ repair: true }, () => undefined)).toMatchObject({
      ok: false,
      error: { kind: 'gc' },
    });
    expect(await bed.store.verify({ repair: false }, () => undefined)).toMatchObject({ ok: true });
    if (guard.ok) guard.value.release();
    expect(bed.store.beginActivity('dagrun repro').ok).toBe(true);
  });

  it.each([
    ['a dead process', JSON.stringify(dead)],
    ['an earlier process with the same pid', JSON.stringify({ ...currentOwner(), startTime: '00000000-1' })],
    ['a crash of the machine', ''],
    ['nobody', '{"host":1}'],
  ])('what %s left is ignored and removed', async (_name, text) => {
    for (const kind of ['runner', 'gc'] as const) {
      plant(kind, text);
      expect(await bed.store.gc(everything)).toMatchObject({ ok: true });
      expect(readdirSync(`${bed.dir}/active`)).toEqual([]);
    }
    plant('gc', text);
    const guard = bed.store.beginActivity('dagrun repro');
    expect(guard.ok).toBe(true);
    expect(readdirSync(`${bed.dir}/active`).length).toBe(1);
  });

  it('a runner on another host counts for a day', async () => {
    const path = plant('runner', JSON.stringify({ ...dead, host: 'elsewhere' }));
    const refused = await bed.store.gc(everything);
    expect(refused).toMatchObject({ ok: false, error: { hint: expect.stringContaining(path) } });
    const before = Date.now() / 1000 - 25 * 60 * 60;
    utimesSync(path, before, before);
    expect(await bed.store.gc(everything)).toMatchObject({ ok: true });
  });
});
