import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import type { ExecutionRecord } from './logs.ts';
import type { GcOptions, GcReport } from './gc.ts';
import { listAll, makeEntry, makeTestbed, put } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
});
afterEach(() => bed.dispose());

const none: GcOptions = { keep: () => false, keepObjects: new Set(), dry: false };

async function collect(options: GcOptions): Promise<GcReport> {
  const result = await bed.store.gc(options);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function print(text: string): Fingerprint {
  return digestText(text) as Fingerprint;
}

function execution(
  runId: string,
  outcome: ExecutionRecord['outcome'],
  minute: number,
  stage = 'train@a',
): ExecutionRecord {
  const startedAt = `2024-05-01T10:${String(minute).padStart(2, '0')}:00Z`;
  return {
    runId,
    stage,
    fingerprint: null,
    command: 'x',
    startedAt,
    seconds: 1,
    outcome,
    exitCode: 0,
    signal: null,
    peakMemory: null,
    host: 'box',
    attempt: 1,
  };
}

function log(record: ExecutionRecord): void {
  bed.store.writeExecution(record);
  writeFileSync(bed.store.logPath(record.stage, record.runId), 'output\n');
}

describe('gc', () => {
  it('removes everything where nothing is kept', async () => {
    bed.write('out/a', 'aa');
    bed.write('out/b', 'bb');
    const entry = makeEntry([await put(bed, 'out')]);
    await bed.store.record(entry);
    bed.store.noteHit(entry);
    bed.store.flushHits();
    log(execution('run-1', 'succeeded', 0));
    expect(await collect(none)).toMatchObject({ runs: 1, objects: 3, logs: 1 });
    expect(listAll(bed.dir).filter((path) => !path.startsWith('workspaces/'))).toEqual([]);
    expect(readdirSync(`${bed.dir}/objects`)).toEqual([]);
    expect(bed.store.historyDigest('train')).toBe(bed.store.historyDigest('never'));
  });

  it('a dry one says the same and changes nothing', async () => {
    bed.write('out', 'aa');
    await bed.store.record(makeEntry([await put(bed, 'out')]));
    bed.write('loose', 'loose');
    await put(bed, 'loose');
    const before = listAll(bed.dir);
    const dry = await collect({ ...none, dry: true });
    expect(listAll(bed.dir)).toEqual(before);
    expect(dry.bytes).toBeGreaterThan(7);
    expect(await collect(none)).toEqual(dry);
    expect(await collect(none)).toEqual({ runs: 0, objects: 0, logs: 0, bytes: 0 });
  });

  it('what a lock references stays, trees with all their files (behaviour 65)', async () => {
    bed.write('tree/a', 'a');
    bed.write('tree/sub/b', 'b');
    bed.write('file', 'f');
    bed.write('loose', 'l');
    const tree = await put(bed, 'tree');
    const file = await put(bed, 'file');
    await put(bed, 'loose');
    expect(await collect({ ...none, keepObjects: new Set([tree.digest, file.digest]) })).toMatchObject({ objects: 1 });
    expect(bed.reopen().holds([tree, file])).toBe(true);
  });

  it('run entries go along with their objects, damaged ones too (behaviour 55)', async () => {
    bed.write('out', 'aa');
    const content = await put(bed, 'out');
    const kept = makeEntry([content], { fingerprint: print('kept') });
    const gone = makeEntry([content], { fingerprint: print('gone') });
    for (const entry of [kept, gone]) await bed.store.record(entry);
    mkdirSync(`${bed.dir}/runs/ab/ab${'0'.repeat(30)}`, { recursive: true });
    writeFileSync(`${bed.dir}/runs/ab/ab${'0'.repeat(30)}/${'0'.repeat(32)}.json`, 'damaged');
    expect(await collect({ ...none, keep: (entry) => entry.fingerprint === kept.fingerprint })).toMatchObject({
      runs: 2,
      objects: 0,
    });
    expect(bed.store.candidates(kept.fingerprint).length).toBe(1);
    expect(bed.store.candidates(gone.fingerprint)).toEqual([]);
    expect(bed.store.history('train').length).toBe(1);
    expect(readdirSync(`${bed.dir}/runs`)).toEqual(
      [kept.fingerprint].map((fingerprint: string) => fingerprint.slice(0, 2)),
    );
    expect(bed.store.holds([content])).toBe(true);
  });

  it('keeps the logs of kept runs and of the failures since, and the last failure of a stage that never succeeded', async () => {
    bed.write('out', 'x');
    await bed.store.record(makeEntry([await put(bed, 'out')], { runId: 'kept' }));
    log(execution('old-failure', 'failed', 1));
    log(execution('old-run', 'succeeded', 2));
    log(execution('kept', 'succeeded', 3));
    log(execution('new-failure', 'failed', 4));
    log(execution('first', 'failed', 1, 'broken'));
    log(execution('second', 'timed-out', 2, 'broken'));
    log(execution('only', 'succeeded', 2, 'forgotten'));
    writeFileSync(bed.store.logPath('broken', 'killed'), 'no record');
    expect(await collect({ ...none, keep: () => true })).toMatchObject({ logs: 5 });
    expect(bed.store.executions('train@a').map((record) => record.runId)).toEqual(['new-failure', 'kept']);
    expect(bed.store.executions('broken').map((record) => record.runId)).toEqual(['second']);
    expect(listAll(`${bed.dir}/logs`)).toEqual([
      'broken/second.json',
      'broken/second.log',
      'train@a/kept.json',
      'train@a/kept.log',
      'train@a/new-failure.json',
      'train@a/new-failure.log',
    ]);
  });

  it('removes what killed processes were writing, not what live ones are', async () => {
    mkdirSync(`${bed.dir}/tmp`, { recursive: true });
    const dead = (4194305).toString(36);
    for (const name of [`${dead}-x-0`, `.tmp-${dead}-x-1`, `${process.pid.toString(36)}-x-2`])
      writeFileSync(`${bed.dir}/tmp/${name}`, 'x');
    mkdirSync(`${bed.dir}/tmp/${dead}-x-3/deep`, { recursive: true });
    await collect(none);
    expect(readdirSync(`${bed.dir}/tmp`)).toEqual([`${process.pid.toString(36)}-x-2`]);
  });

  it('forgets workspaces that are gone, and only those', async () => {
    bed.write('out', 'x');
    await bed.store.record(makeEntry([await put(bed, 'out')]));
    const other = makeTestbed();
    rmSync(other.dir, { recursive: true, force: true });
    writeFileSync(`${bed.dir}/workspaces/${digestText(other.root)}`, `${other.root}\n`);
    writeFileSync(`${bed.dir}/workspaces/${digestText('x')}`, '/etc\n');
    expect([...bed.store.workspaces()].sort()).toEqual([bed.root, other.root].sort());
    other.dispose();
    await collect({ ...none, keep: () => true });
    expect(bed.store.workspaces()).toEqual([bed.root]);
    expect(readdirSync(`${bed.dir}/workspaces`)).toEqual([digestText(bed.root)]);
  });
});

/** A small world of files and trees made of them; runs have some of both as outs. */
interface World {
  readonly runs: readonly { readonly outs: readonly number[]; readonly keep: boolean }[];
  readonly roots: readonly number[];
}

const contentsCount = 7;
const world: fc.Arbitrary<World> = fc.record({
  runs: fc.array(fc.record({ outs: fc.uniqueArray(fc.nat(contentsCount - 1), { maxLength: 3 }), keep: fc.boolean() }), {
    maxLength: 6,
  }),
  roots: fc.uniqueArray(fc.nat(contentsCount - 1), { maxLength: 2 }),
});

describe('gc against a model', () => {
  it('never removes what is kept, and removes everything else', async () => {
    for (const name of ['a', 'b', 'c', 'd']) bed.write(`w/${name}`, name);
    for (const [tree, names] of Object.entries({ t1: ['a', 'b'], t2: ['b', 'c'], t3: [] })) {
      mkdirSync(bed.at(`w/${tree}`), { recursive: true });
      for (const name of names) bed.write(`w/${tree}/${name}`, name);
    }
    const names = ['a', 'b', 'c', 'd', 't1', 't2', 't3'];
    await fc.assert(
      fc.asyncProperty(world, async ({ runs, roots }) => {
        rmSync(bed.dir, { recursive: true, force: true });
        const contents: Present[] = [];
        for (const name of names) contents.push(await put(bed, `w/${name}`));
        const entries: RunEntry[] = [];
        for (const [index, run] of runs.entries()) {
          const stage = `s${index}` as StageName;
          entries.push(
            makeEntry(
              run.outs.map((out) => contents[out]!),
              { fingerprint: print(`${index}`), stage, group: `g${index % 2}` },
            ),
          );
          await bed.store.record(entries[index]!);
        }
        const keptRuns = entries.filter((_entry, index) => runs[index]!.keep);
        const keep = (entry: RunEntry): boolean => keptRuns.some((kept) => kept.fingerprint === entry.fingerprint);
        const keepObjects = new Set<Digest>(roots.map((root) => contents[root]!.digest));
        const wanted = reachable(contents, [
          ...keptRuns.flatMap((entry) => entry.outs.map((out) => out.content)),
          ...roots.map((root) => contents[root]!),
        ]);
        await collect({ keep, keepObjects, dry: false });
        expect(listAll(`${bed.dir}/objects`).map((path) => path.replace('/', ''))).toEqual([...wanted].sort());
        const left = ['g0', 'g1'].flatMap((group) => bed.store.history(group).map((entry) => entry.fingerprint));
        expect(left.sort()).toEqual(keptRuns.map((entry) => entry.fingerprint).sort());
        for (const entry of keptRuns) expect(bed.reopen().holds(entry.outs.map((out) => out.content))).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect(existsSync(`${bed.dir}/tmp`)).toBe(true);
  });
});

function reachable(contents: readonly Present[], roots: readonly Present[]): Set<Digest> {
  const [a, b, c, , t1, t2] = contents;
  const files = new Map([
    [t1!.digest, [a!.digest, b!.digest]],
    [t2!.digest, [b!.digest, c!.digest]],
  ]);
  return new Set(roots.flatMap((root) => [root.digest, ...(files.get(root.digest) ?? [])]));
}
