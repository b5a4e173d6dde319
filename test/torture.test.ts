// Random pipelines, changed at random and run by the real program in a real folder, against an oracle that knows nothing of digests, locks
// or caches: no false hit, no needless execution, nothing lost, and what is foreseen is what happens.
//
// By default the same sequences every time. DAGRUN_TORTURE_SECONDS: others, for so long. DAGRUN_TORTURE_SEED and DAGRUN_TORTURE_PATH: replay those
// that a failure names. DAGRUN_TORTURE_SHRINK=1: look for a shorter one that fails as well.

import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { messageOf } from '../lib/core/result.ts';
import { changeNames } from './torture/changes.ts';
import { Trial, actNames } from './torture/trial.ts';
import type { Step } from './torture/trial.ts';
import type { Numbers } from './torture/world.ts';

const { DAGRUN_TORTURE_SECONDS: asked, DAGRUN_TORTURE_SEED: seed, DAGRUN_TORTURE_PATH: path } = process.env;
const seconds = Number(asked ?? 40);
const parameters = {
  /** More than there is time for. */
  numRuns: 2000,
  seed: Number(seed ?? (asked === undefined ? 1 : Date.now() % 1_000_000_000)),
  endOnFailure: process.env['DAGRUN_TORTURE_SHRINK'] === undefined,
  ...(path === undefined ? {} : { path }),
};

const numbers: fc.Arbitrary<Numbers> = fc.tuple(fc.nat(999), fc.nat(999), fc.nat(999));
const change = fc.record({ kind: fc.constantFrom(...changeNames), numbers });
const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.array(change, { maxLength: 4 }),
  act: fc.constantFrom(...actNames),
  numbers,
});

it(`keeps its promise, whatever happens to a workspace: random sequences for ${seconds} s`, async () => {
  const deadline = performance.now() + seconds * 1000;
  let sequences = 0;
  let commands = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(numbers, { minLength: 2, maxLength: 8 }),
      fc.array(step, { maxLength: 14 }),
      async (start, steps) => {
        if (performance.now() > deadline) return;
        const trial = new Trial();
        await trial.open();
        try {
          for (const each of start) trial.change('add a stage', each);
          await trial.act('run', [0, 0, 0]);
          for (const each of steps) await trial.take(each);
          await trial.conclude();
          sequences++;
        } catch (error) {
          throw new Error(`${messageOf(error)}\n\nwhat was done:\n${trial.diary.join('\n')}`, { cause: error });
        } finally {
          commands += trial.runs;
          await trial.rig.close();
        }
      },
    ),
    parameters,
  );
  if (asked !== undefined) process.stdout.write(`${sequences} sequences, ${commands} commands\n`);
  expect(sequences).toBeGreaterThan(0);
}, 3_600_000);
