// What must hold of every run, and what the cache must know. Compares what dagrun says and does with the oracle.

import { join } from 'node:path';
import { existsSync } from 'node:fs';
import type { Repro, Rig } from '../rig.ts';
import type { Manner } from './manner.ts';
import { faultOf, keyOf, look, tell } from './oracle.ts';
import { codeFiles, inputs, paramFiles, spellOut } from './world.ts';
import type { Sketch, World } from './world.ts';

export class Judge {
  readonly #rig: Rig;
  readonly #world: World;
  /** Keys of executions that the cache must know of. */
  readonly #known = new Set<string>();
  /** Looks of outs that were committed by hand, by key. */
  readonly #accepted = new Map<string, Set<string>>();
  /** Some object or entry may have bytes that are not its own. */
  damaged = false;
  /** Something was deleted from the cache: some recorded run may lack its objects. */
  holed = false;

  constructor(rig: Rig, world: World) {
    this.#rig = rig;
    this.#world = world;
  }

  get stages(): Sketch[] {
    return spellOut(this.#world);
  }

  /** What the cache knew may be gone. */
  forget(): void {
    this.#known.clear();
    this.holed = true;
  }

  /** What the cache knew is gone, but for results of stages that are fresh. */
  forgetAllBut(states: Readonly<Record<string, string>>): void {
    const kept = this.stages.flatMap((stage) => {
      const told = states[stage.name] === 'fresh' ? tell(this.#world, stage, this.#rig.root) : undefined;
      return told === undefined ? [] : [keyOf(stage, told)];
    });
    for (const key of this.#known) if (!kept.includes(key)) this.#known.delete(key);
  }

  /** The outs of the stage, as they are, were declared to be what it makes. */
  accept(stage: Sketch): void {
    const told = tell(this.#world, stage, this.#rig.root);
    if (told === undefined) return;
    const key = keyOf(stage, told);
    this.#accepted.set(key, (this.#accepted.get(key) ?? new Set()).add(this.#looks(stage, this.#rig.root)));
  }

  /** What a run said and did is consistent, right, and not done in vain. */
  judge(run: Repro, manner: Manner, cwd: string): void {
    const root = this.#rig.path(cwd);
    const started = this.#rig.executed();
    const settled = [...run.executed, ...run.restored, ...run.skipped, ...run.failed, ...run.blocked];
    this.expect(new Set(settled).size === settled.length, `settled twice: ${settled.join(' ')}`);
    this.expect(run.code === (run.failed.length > 0 ? 1 : 0), `exit code ${run.code}: ${run.output}`);
    this.expect(
      started.every((name) => run.executed.includes(name) || run.failed.includes(name)) &&
        run.executed.every((name) => started.includes(name)) &&
        new Set(started).size === started.length,
      `started ${started.join(' ')}, and said ${run.executed.join(' ')}`,
    );
    this.#learn(run, manner, root);
    for (const stage of this.stages) {
      const ran = run.executed.includes(stage.name);
      if (!ran && this.#readsLosses(stage)) continue;
      const claims = ran || run.restored.includes(stage.name) || (run.skipped.includes(stage.name) && !manner.lenient);
      if (claims && (ran || !stage.frozen)) this.isRight(stage, root, `${stage.name} after ${manner.args.join(' ')}`);
      if (run.failed.includes(stage.name)) this.#mayFail(stage, root, run);
    }
    this.hasNoStrays(cwd);
    for (const event of run.events)
      if (event.kind === 'warning' && !this.damaged)
        this.expect(/frozen/.test(String(event['message'])), `warning ${String(event['message'])}`);
  }

  /** Nothing that the cache must know was executed, and what was executed now is known. */
  #learn(run: Repro, manner: Manner, root: string): void {
    for (const name of run.executed) {
      const stage = this.stages.find((other) => other.name === name)!;
      const told = tell(this.#world, stage, root);
      this.expect(told !== undefined, `${name} was executed without its inputs`);
      if (told === undefined || stage.outs.length === 0 || stage.outs.some(({ shape }) => shape === 'kept')) continue;
      const key = keyOf(stage, told);
      if (!manner.forced && !stage.always)
        this.expect(!this.#known.has(key), `${name} was executed though its result is known\n${run.output}`);
      if (!manner.forgets) this.#known.add(key);
    }
  }

  #mayFail(stage: Sketch, root: string, run: Repro): void {
    const reason = run.events.find((event) => event.kind === 'stage-failed' && event.stage === stage.name);
    const lacks = tell(this.#world, stage, root) === undefined;
    const message = String(reason?.['message']);
    // A dep that is there only as a dangling link, or became a folder where code is expected.
    this.expect(stage.version.includes('fail') || lacks, `${stage.name} failed: ${message}`);
  }

  /** What dagrun foresaw is what it did. */
  agrees(foreseen: Repro, run: Repro): void {
    const didFail = run.failed.length > 0;
    for (const [name, action] of Object.entries(foreseen.planned)) {
      const stage = this.stages.find((other) => other.name === name)!;
      if (this.#readsLosses(stage)) continue;
      if (action === 'unknown' || (didFail && run.blocked.includes(name))) continue;
      const expected: Record<string, readonly (readonly string[])[]> = {
        skip: [run.skipped],
        restore: this.damaged ? [run.restored, run.executed, run.failed] : [run.restored],
        execute: stage.relocatable ? [run.executed, run.failed, run.restored] : [run.executed, run.failed],
        fail: [run.failed],
      };
      this.expect(
        expected[action]!.some((names) => names.includes(name)),
        `${name}: foreseen was "${action}"\n${run.output}`,
      );
    }
  }

  /** Before anything runs: whatever is called fresh is what it must be, once what is above it lies where it belongs. */
  freshIsRight(states: Readonly<Record<string, string>>): void {
    const isSettled = ({ name }: Sketch): boolean => states[name] === 'fresh' || states[name] === 'frozen';
    for (const stage of this.stages)
      if (states[stage.name] === 'fresh' && !this.#readsLosses(stage) && this.#makersOf(stage).every(isSettled))
        this.isRight(stage, this.#rig.root, `${stage.name}, called fresh`);
  }

  /** Its history has lost runs, which is noticed when the first stage that reads it is executed. */
  #readsLosses({ runs }: Sketch): boolean {
    return this.holed && runs.length > 0;
  }

  get someReadLosses(): boolean {
    return this.stages.some((stage) => this.#readsLosses(stage));
  }

  #makersOf({ deps }: Sketch): Sketch[] {
    const touches = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
    return this.stages.filter(({ outs }) => outs.some(({ path }) => deps.some((dep) => touches(dep, path))));
  }

  isRight(stage: Sketch, root: string, how: string): void {
    const told = tell(this.#world, stage, root);
    this.expect(told !== undefined, `${how}: its inputs are not there`);
    if (told === undefined) return;
    const faults = stage.outs.flatMap(({ path, shape }) => faultOf(root, path, shape, told) ?? []);
    if (faults.length === 0) return;
    const accepted = this.#accepted.get(keyOf(stage, told))?.has(this.#looks(stage, root)) === true;
    this.expect(accepted, `${how}: ${faults.join('\n')}\nas it reads\n${told.slice(0, 1500)}`);
  }

  #looks(stage: Sketch, root: string): string {
    return JSON.stringify(stage.outs.map(({ path }) => look(join(root, path))));
  }

  lookAtSources(): string {
    const made = new Set(this.stages.flatMap(({ outs }) => outs.map(({ path }) => path)));
    const paths = [...inputs, ...codeFiles, ...paramFiles, 'pipeline.yaml'].filter(
      (path) => !made.has(path) && !path.includes('*'),
    );
    return JSON.stringify(paths.map((path) => [path, look(this.#rig.path(path))]));
  }

  hasNoStrays(cwd: string): void {
    const strays = this.#rig.files(cwd).filter((path) => /(^|\/)\.tmp-/.test(path));
    this.expect(strays.length === 0, `left behind: ${strays.join(' ')}`);
    this.expect(!existsSync(this.#rig.path(cwd, '.dagrun/lock')), 'the lock of the workspace was left behind');
  }

  expect(holds: boolean, what: string): void {
    if (!holds) throw new Error(what);
  }
}
