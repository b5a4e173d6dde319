import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { MemoryProject } from '../../test/memory-project.ts';
import { loadDigest } from '../core/digest.ts';
import { commitStages } from './commit.ts';
import type { CommitReport } from './commit.ts';

await loadDigest();

let memory: MemoryProject;
beforeEach(() => {
  memory = new MemoryProject({ a: { deps: ['in'], outs: ['a.out'] } });
  memory.files.set('in', '1');
});
afterEach(() => memory.remove());

function commit(options: { readonly named: boolean }): Promise<CommitReport> {
  const { project, plan } = memory.open();
  return commitStages(project, plan, () => options.named, { report: () => undefined, now: () => 1_700_000_000_000 });
}

it('stores what a run without commit made', async () => {
  await memory.repro({ noCommit: true });
  expect(await commit({ named: false })).toEqual({ committed: ['a'], faults: [] });
  memory.files.delete('a.out');
  expect((await memory.repro()).restored).toEqual(['a']);
});

it.each<[string, () => void, RegExp]>([
  ['an out that was edited', () => memory.files.set('a.out', 'edited'), /out edited: a\.out/],
  ['an input that was edited', () => memory.files.set('in', '2'), /changed dep: in/],
  ['a stage that never ran here', () => memory.lock.clear(), /never ran here/],
])('takes %s only where the stage is named', async (_, change, why) => {
  await memory.repro();
  change();
  const refused = await commit({ named: false });
  expect(refused.committed).toEqual([]);
  expect(refused.faults[0]).toMatchObject({ message: expect.stringMatching(why), hint: expect.any(String) });
  expect((await commit({ named: true })).committed).toEqual(['a']);
  expect((await memory.repro()).skipped).toEqual(['a']);
});

it('refuses a stage without one of its outs or inputs, also where it is named', async () => {
  await memory.repro();
  memory.files.delete('a.out');
  expect((await commit({ named: true })).faults).toEqual([
    expect.objectContaining({ message: 'stage "a" cannot be committed: out missing: a.out' }),
  ]);
  memory.files.set('a.out', 'x');
  memory.files.delete('in');
  expect((await commit({ named: true })).faults[0]!.message).toContain('dep missing: in');
});
