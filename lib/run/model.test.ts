// Random pipelines and random changes, against a model that knows nothing of fingerprints, locks or schedules: it compares contents.

import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryProject } from '../../test/memory-project.ts';
import type { Command, MemoryRun } from '../../test/memory-project.ts';
import type { StageSketch } from '../../test/make-pipeline.ts';
import { loadDigest } from '../core/digest.ts';
import type { Assessment } from './assess.ts';

await loadDigest();

/** Stage `n` reads some of the sources and of the outs of the stages before it; its cmd has a version. */
interface Shape {
  readonly deps: readonly (readonly string[])[];
}

const shape: fc.Arbitrary<Shape> = fc
  .array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 7 })
  .map((picks) => ({
    deps: picks.map((pick, stage) => [
      ...new Set(
        pick.map((number) => (number % (stage + 3) < 3 ? `in${number % 3}` : `out${(number % (stage + 3)) - 3}`)),
      ),
    ]),
  }));

type Change =
  | { readonly kind: 'source'; readonly source: number; readonly value: number }
  | { readonly kind: 'cmd'; readonly stage: number; readonly version: number }
  | { readonly kind: 'delete' | 'edit'; readonly stage: number }
  | { readonly kind: 'forget-objects' };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('source' as const), source: fc.nat(2), value: fc.nat(2) }),
  fc.record({ kind: fc.constant('cmd' as const), stage: fc.nat(6), version: fc.nat(2) }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'edit' as const), stage: fc.nat(6) }),
  fc.record({ kind: fc.constant('forget-objects' as const) }),
);

/** Version 2 of a command gives the same whatever it reads: what lies below it must not notice. */
function resultOf(stage: number, version: number, read: readonly string[]): string {
  return version === 2 ? `flat ${stage}` : `${stage}v${version}(${read.join(',')})`;
}

class Model {
  readonly disk = new Map<string, string>();
  readonly versions: number[];
  readonly #shape: Shape;
  /** The last good run of each stage: what it read, and what it made. */
  readonly #last = new Map<number, { readonly key: string; readonly out: string }>();
  /** Every run ever, by what it read. */
  readonly #known = new Map<string, string>();
  readonly #stored = new Set<string>();

  constructor(shape: Shape) {
    this.#shape = shape;
    this.versions = shape.deps.map(() => 0);
  }

  forgetObjects(): void {
    this.#stored.clear();
  }

  /** What a run has to do to each stage. */
  run(): string[] {
    return this.#shape.deps.map((deps, stage) => {
      const read = deps.map((dep) => this.disk.get(dep)!);
      const key = JSON.stringify([stage, this.versions[stage], read]);
      const last = this.#last.get(stage);
      const seen = this.disk.get(`out${stage}`);
      if (last?.key === key && last.out === seen) return 'skip';
      const known = this.#known.get(key);
      const restorable = known !== undefined && (this.#stored.has(known) || known === seen);
      const out = resultOf(stage, this.versions[stage]!, read);
      this.#last.set(stage, { key, out });
      this.disk.set(`out${stage}`, out);
      if (restorable) return 'restore';
      this.#known.set(key, out);
      this.#stored.add(out);
      return 'execute';
    });
  }
}

const sketchesOf = (shape: Shape, versions: readonly number[]): Record<string, StageSketch> =>
  Object.fromEntries(
    shape.deps.map((deps, stage) => [`s${stage}`, { cmd: String(versions[stage]), deps, outs: [`out${stage}`] }]),
  );

const command =
  (stage: number, deps: readonly string[]): Command =>
  (files, job) => {
    const read = deps.map((dep) => files.get(dep)!);
    files.set(`out${stage}`, resultOf(stage, Number(job.cmd[0]), read));
    return undefined;
  };

function apply(change: Change, model: Model, project: MemoryProject): void {
  const stages = model.versions.length;
  const write = (path: string, text: string): void => {
    model.disk.set(path, text);
    project.files.set(path, text);
  };
  if (change.kind === 'source') write(`in${change.source}`, String(change.value));
  else if (change.kind === 'cmd') model.versions[change.stage % stages] = change.version;
  else if (change.kind === 'edit') write(`out${change.stage % stages}`, 'edited by hand');
  else if (change.kind === 'delete') {
    model.disk.delete(`out${change.stage % stages}`);
    project.files.delete(`out${change.stage % stages}`);
  } else {
    model.forgetObjects();
    project.objects.clear();
  }
}

function done(run: MemoryRun, stages: number): string[] {
  return Array.from({ length: stages }, (_, stage) => {
    const name = `s${stage}`;
    if (run.executed.includes(name)) return 'execute';
    if (run.restored.includes(name)) return 'restore';
    return run.skipped.includes(name) ? 'skip' : 'nothing';
  });
}

/** A prediction may leave open what depends on a stage that has yet to run, and nothing else. */
function expectForeseen(foreseen: readonly Assessment[], happened: readonly string[]): void {
  for (const { name, decision } of foreseen) {
    if (decision.kind !== 'unknown') expect([name, decision.kind]).toEqual([name, happened[Number(name.slice(1))]]);
  }
}

it('does exactly what the model says, as foreseen, and nothing the second time', async () => {
  await fc.assert(
    fc.asyncProperty(
      shape,
      fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      async (shape, rounds, jobs) => {
        const model = new Model(shape);
        const project = new MemoryProject({});
        shape.deps.forEach((deps, stage) => project.commands.set(`s${stage}`, command(stage, deps)));
        try {
          const start: Change[] = [0, 1, 2].map((source) => ({ kind: 'source', source, value: 0 }));
          for (const changes of [start, ...rounds]) {
            for (const each of changes) apply(each, model, project);
            project.set(sketchesOf(shape, model.versions));
            const foreseen = await project.assess();
            const expected = model.run();
            const happened = done(await project.repro({ jobs }), shape.deps.length);
            expect(happened).toEqual(expected);
            expectForeseen(foreseen, happened);
            expect(new Map(project.files)).toEqual(model.disk);

            const after = await project.assess();
            expect(after.map(({ state }) => state)).toEqual(shape.deps.map(() => 'fresh'));
            expect((await project.repro({ jobs })).skipped).toHaveLength(shape.deps.length);
          }
        } finally {
          project.remove();
        }
      },
    ),
    { numRuns: 60 },
  );
});
