// After any sequence of edits, what the index answers is what a look from scratch gives.

import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadDigest } from '../core/digest.ts';
import { FilesRig, plainDigest, settle } from './files-rig.ts';

beforeAll(loadDigest);

const path = fc
  .array(fc.constantFrom('a', 'b', 'a.b', 'ä'), { minLength: 1, maxLength: 3 })
  .map((names) => `d/${names.join('/')}`);
const edit = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), path, text: fc.constantFrom('', 'one', 'two') }),
  fc.record({ kind: fc.constant('restore-times' as const), path, text: fc.constantFrom('one', 'two') }),
  fc.record({ kind: fc.constant('remove' as const), path }),
  fc.record({ kind: fc.constant('folder' as const), path }),
  fc.record({ kind: fc.constant('chmod' as const), path, mode: fc.constantFrom(0o644, 0o755) }),
  fc.record({ kind: fc.constant('rename' as const), path, to: path }),
  fc.record({
    kind: fc.constant('link' as const),
    path,
    to: fc.constantFrom('a', '../b', '../../outside', '../../d', 'nowhere'),
  }),
  fc.record({ kind: fc.constant('look' as const) }),
  fc.record({ kind: fc.constant('wait' as const) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** Carries out an edit where it is possible. */
async function apply(rig: FilesRig, change: Edit): Promise<void> {
  if (change.kind === 'wait') return settle();
  if (change.kind === 'look') return look(rig);
  const place = rig.at(change.path);
  try {
    if (change.kind === 'remove') {
      rmSync(place, { recursive: true, force: true });
      return;
    }
    mkdirSync(dirname(place), { recursive: true });
    const before = lstatSync(place, { throwIfNoEntry: false });
    if (change.kind === 'write' || change.kind === 'restore-times') writeFileSync(place, change.text);
    if (change.kind === 'restore-times' && before !== undefined) utimesSync(place, before.atime, before.mtime);
    if (change.kind === 'folder') mkdirSync(place);
    if (change.kind === 'chmod' && before?.isFile() === true) chmodSync(place, change.mode);
    if (change.kind === 'rename') renameSync(place, rig.at(change.to));
    if (change.kind === 'link') symlinkSync(change.to, place);
  } catch {
    // The edit does not fit what is there.
  }
}

async function look(rig: FilesRig): Promise<void> {
  const [indexed, fresh] = [await rig.open(), await rig.open({ fresh: true })];
  for (const dep of ['d', 'd/a', 'd/b', 'outside'])
    expect(await indexed.observe(dep)).toEqual(await fresh.observe(dep));
  expect(await indexed.observeGlob('d/**/a*')).toEqual(await fresh.observeGlob('d/**/a*'));
  indexed.save();
}

describe('the index', () => {
  it('answers as a look from scratch does, after any sequence of edits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 5, maxLength: 40 }), async (edits) => {
        const rig = new FilesRig();
        try {
          mkdirSync(rig.at('d'));
          mkdirSync(rig.at('outside'));
          writeFileSync(rig.at('outside/x'), 'x');
          for (const change of edits) await apply(rig, change);
          await look(rig);
          await look(rig);
        } finally {
          rig.close();
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('gives folders without links the digest of their plain manifest', async () => {
    const plain = edit.filter(({ kind }) => kind !== 'link');
    await fc.assert(
      fc.asyncProperty(fc.array(plain, { minLength: 5, maxLength: 30 }), async (edits) => {
        const rig = new FilesRig();
        try {
          mkdirSync(rig.at('d'));
          mkdirSync(rig.at('outside'));
          for (const change of edits) await apply(rig, change);
          expect(await (await rig.open()).observe('d')).toMatchObject({ digest: plainDigest(rig.at('d')) });
        } finally {
          rig.close();
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
