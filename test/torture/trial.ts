// One workspace that is changed and run over and over; judge.ts says what must hold each time.

import { cpSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { Rig, readRepro } from '../rig.ts';
import type { Finished } from '../rig.ts';
import { awaitSurvivors } from '../survivors.ts';
import { applyChange } from './changes.ts';
import { filesBelow, mendSources, writeFiles } from './disk.ts';
import { Judge } from './judge.ts';
import { chooseManner, plainly } from './manner.ts';
import type { Manner } from './manner.ts';
import { newWorld, pick } from './world.ts';
import type { Numbers, Sketch } from './world.ts';

const stepPath = fileURLToPath(new URL('step.sh', import.meta.url));

/** What is done after some changes: see `Trial.act`. */
export const actNames = [
  'run',
  'run',
  'run',
  'run',
  'options',
  'options',
  'options',
  'kill',
  'kill',
  'gc',
  'checkout',
  'commit',
  'freeze',
  'clone',
  'pair',
  'repair',
] as const;

export interface Step {
  readonly changes: readonly { readonly kind: string; readonly numbers: Numbers }[];
  readonly act: (typeof actNames)[number];
  readonly numbers: Numbers;
}

export class Trial {
  readonly rig = new Rig();
  readonly world = newWorld();
  readonly #judge = new Judge(this.rig, this.world);
  /** What was done, for whoever reads of a failure. */
  readonly diary: string[] = [];
  runs = 0;

  async open(): Promise<void> {
    await this.rig.open();
    mendSources(this.rig.root);
    writeFiles(this.world, this.rig.root);
  }

  async take(step: Step): Promise<void> {
    for (const { kind, numbers } of step.changes) this.change(kind, numbers);
    await this.act(step.act, step.numbers);
  }

  change(kind: string, numbers: Numbers): void {
    this.diary.push(`${kind} ${numbers.join(' ')}`);
    applyChange(kind, this.#scene, numbers);
    writeFiles(this.world, this.rig.root);
  }

  async act(act: Step['act'], numbers: Numbers): Promise<void> {
    this.diary.push(`> ${act} ${numbers.join(' ')}`);
    switch (act) {
      case 'run':
        return this.#run(plainly, numbers);
      case 'options':
        return this.#run(chooseManner(this.#stages, numbers), numbers);
      case 'kill':
        return this.#kill(numbers);
      case 'gc':
        return this.#gc(numbers);
      case 'checkout':
        return this.#checkout(numbers);
      case 'commit':
        return this.#commit(numbers);
      case 'freeze':
        return this.#freeze(numbers);
      case 'clone':
        return this.#clone(numbers);
      case 'pair':
        return this.#pair(numbers);
      case 'repair':
        return this.#repair();
    }
  }

  /** All stages can run: everything is brought up to date, and then brought back from the cache alone. */
  async conclude(): Promise<void> {
    this.diary.push('> conclude');
    mendSources(this.rig.root);
    if (this.world.fitVersion.includes('fail')) this.world.fitVersion = 'v1';
    for (const stage of this.world.stages.values()) {
      stage.frozen = false;
      if (stage.version.includes('fail')) stage.version = 'v1';
    }
    writeFiles(this.world, this.rig.root);
    await this.#run(plainly, [0, 0, 1]);
    for (const stage of this.#stages) for (const out of stage.outs) this.rig.remove(out.path);
    this.rig.remove('pipeline.lock', '.dagrun');
    await this.#run(plainly, [0, 1, 3]);
    await this.#verify();
  }

  get #stages(): Sketch[] {
    return this.#judge.stages;
  }

  get #scene() {
    return {
      world: this.world,
      root: this.rig.root,
      forget: () => this.#judge.forget(),
      damaged: () => (this.#judge.damaged = true),
    };
  }

  readonly #env = { TORTURE_STEP: stepPath };

  async #dagrun(args: readonly string[], cwd = '.'): Promise<Finished> {
    this.runs++;
    const end = await this.rig.run(args, { env: this.#env, cwd });
    this.#judge.expect(!/has a bug/.test(end.output), `dagrun ${args.join(' ')}: ${end.output}`);
    return end;
  }

  #states(): Promise<Record<string, string>> {
    return this.rig.states([], { env: this.#env });
  }

  // ---- running ----

  async #run(manner: Manner, [a, b, c]: Numbers): Promise<void> {
    const { args } = manner;
    if (manner === plainly && c % 2 === 1) this.#judge.freshIsRight(await this.#states());
    const before = this.#judge.lookAtSources();
    const foreseen = c % 3 === 0 ? undefined : readRepro(await this.#dagrun(['repro', '--dry', '--json', ...args]));
    const run = readRepro(await this.#dagrun(['repro', '--json', '-j', String(1 + (a % 3)), ...args]));
    this.diary.push(`  ${run.events.map((event) => `${event.kind} ${event.stage ?? ''}`).join(', ')}`);
    this.#judge.expect(this.#judge.lookAtSources() === before, `sources were changed by ${args.join(' ')}`);
    this.#judge.judge(run, manner, '.');
    if (foreseen !== undefined) this.#judge.agrees(foreseen, run);
    const mayRest = run.code === 0 && !manner.lenient && !manner.forced && !this.#judge.someReadLosses;
    if (mayRest && b % 2 === 0) await this.#rests(args);
  }

  /** The next run has nothing to do, and status says so. */
  async #rests(args: readonly string[]): Promise<void> {
    const lock = this.#lock();
    const targets = args.filter((arg) => !arg.startsWith('-'));
    if (args.includes('-s') || args.includes('--downstream')) return;
    const again = readRepro(await this.#dagrun(['repro', '--json', ...targets]));
    this.rig.executed();
    const mayRun = (name: string): boolean => this.#stages.some((stage) => stage.name === name && stage.always);
    this.#judge.expect(
      again.code === 0 && again.restored.length === 0 && again.executed.every(mayRun),
      `the second run did something: ${again.output}`,
    );
    this.#judge.expect(this.#lock() === lock, `the second run changed the lock from\n${lock}\nto\n${this.#lock()}`);
    const states = await this.rig.states(targets, { env: this.#env });
    for (const [name, state] of Object.entries(states))
      this.#judge.expect(
        mayRun(name)
          ? state === 'stale' || state === 'frozen'
          : state === 'fresh' || state === 'frozen' || (state === 'unknown' && this.#someAlwaysRun()),
        `${name} is ${state} after a run`,
      );
  }

  /** What lies below a stage that always runs is not known beforehand. */
  #someAlwaysRun(): boolean {
    return this.#stages.some((stage) => stage.always && !stage.frozen);
  }

  #lock(): string {
    return this.rig.has('pipeline.lock') ? this.rig.read('pipeline.lock') : '';
  }

  // ---- other commands ----

  async #kill([a, b]: Numbers): Promise<void> {
    this.runs++;
    const run = this.rig.start(['repro', '--json', '-j', '3', ...(b % 5 === 0 ? ['-f'] : [])], { env: this.#env });
    const timer = setTimeout(() => run.signal(b % 2 === 0 ? 'SIGKILL' : 'SIGTERM'), a % 400);
    const end = await run.end();
    clearTimeout(timer);
    const left = await awaitSurvivors(this.rig, 20);
    this.#judge.expect(left.length === 0, `processes ${left.join(' ')} survived`);
    this.#judge.expect([null, 0, 1, 130, 143].includes(end.code), `killed, it ended with ${end.code}: ${end.output}`);
    this.rig.executed();
    this.#judge.freshIsRight(await this.#states());
  }

  async #gc([a]: Numbers): Promise<void> {
    const scope = pick([['--keep-last', '100'], ['--older-than', '30d'], ['--workspace'], ['--keep-last', '1']], a);
    const states = await this.#states();
    const end = await this.#dagrun(['gc', ...scope]);
    this.#judge.expect(end.code === 0, `gc ended with ${end.code}: ${end.output}`);
    if (a % 4 < 2) return;
    // What the lock names stays.
    this.#judge.forgetAllBut(states);
  }

  async #checkout([a]: Numbers): Promise<void> {
    const before = this.#bytesOfOuts();
    const force = a % 2 === 0;
    const end = await this.#dagrun(['checkout', ...(force ? ['--force'] : [])]);
    this.#judge.expect(end.code === 0 || end.code === 1, `checkout ended with ${end.code}: ${end.output}`);
    this.#judge.hasNoStrays('.');
    if (force) return;
    const left = new Set([...this.#bytesOfOuts(), ...this.#sumsBelow(this.rig.path('../cache/objects'))]);
    this.#judge.expect(
      [...before].every((sum) => left.has(sum)),
      `checkout lost what was edited: ${end.output}`,
    );
  }

  #bytesOfOuts(): Set<string> {
    return new Set(
      this.#stages.flatMap(({ outs }) => outs.flatMap(({ path }) => this.#sumsBelow(this.rig.path(path)))),
    );
  }

  #sumsBelow(path: string): string[] {
    return filesBelow(path).map((file) => createHash('sha256').update(readFileSync(file)).digest('hex'));
  }

  async #commit([a, b]: Numbers): Promise<void> {
    const args = b % 3 === 0 ? [] : b % 3 === 1 ? ['--force'] : [pick(this.#stages, a).name];
    const end = await this.#dagrun(['commit', ...args]);
    this.#judge.expect(end.code === 0 || end.code === 1, `commit ended with ${end.code}: ${end.output}`);
    // Where nobody gave his word, only what is right already is committed.
    if (args.length === 0) return;
    for (const stage of this.#stages) {
      const refused = end.stderr.includes(`stage "${stage.name}" `);
      if (!refused && (args[0] === '--force' || args[0] === stage.name)) this.#judge.accept(stage);
    }
  }

  async #freeze([a, b]: Numbers): Promise<void> {
    const stage = pick(this.#stages, a);
    const own = [...this.world.stages.values()].find(({ name }) => name === stage.name);
    if (own === undefined) return;
    const freezes = b % 3 !== 0;
    const end = await this.#dagrun([freezes ? 'freeze' : 'unfreeze', stage.name]);
    this.#judge.expect(end.code === 0, `freeze ended with ${end.code}: ${end.output}`);
    own.frozen = freezes;
    writeFiles(this.world, this.rig.root);
    this.#judge.freshIsRight(await this.#states());
  }

  async #repair(): Promise<void> {
    const end = await this.#dagrun(['cache', 'verify', '--repair']);
    this.#judge.expect(
      end.code === 0 || this.#judge.holed,
      `cache verify --repair ended with ${end.code}: ${end.output}`,
    );
    this.#judge.damaged = false;
  }

  async #verify(): Promise<void> {
    const end = await this.#dagrun(['cache', 'verify']);
    this.#judge.expect(end.code === 0 || this.#judge.holed, `cache verify ended with ${end.code}: ${end.output}`);
  }

  /** Another workspace with the same sources and the same cache has to know all that this one made. */
  async #clone([a]: Numbers): Promise<void> {
    this.#copyTo('../clone', a % 2 === 0);
    const run = readRepro(await this.#dagrun(['repro', '--json', '-k'], '../clone'));
    this.#judge.judge(run, plainly, '../clone');
    rmSync(this.rig.path('../clone'), { recursive: true, force: true });
  }

  /** Two of them at once. Neither can be blamed for executing what the other is about to know. */
  async #pair([a]: Numbers): Promise<void> {
    this.#copyTo('../clone', a % 2 === 0);
    const ends = await Promise.all(['.', '../clone'].map((cwd) => this.#dagrun(['repro', '--json', '-k'], cwd)));
    this.rig.executed();
    for (const [index, cwd] of ['.', '../clone'].entries()) {
      const run = readRepro(ends[index]!);
      for (const stage of this.#stages)
        if ((run.executed.includes(stage.name) || run.restored.includes(stage.name)) && !stage.frozen)
          this.#judge.isRight(stage, this.rig.path(cwd), `${stage.name} in ${cwd}`);
    }
    rmSync(this.rig.path('../clone'), { recursive: true, force: true });
  }

  #copyTo(place: string, withLock: boolean): void {
    const skip = new Set([
      '.dagrun',
      'aside',
      ...(withLock ? [] : ['pipeline.lock']),
      ...this.#stages.flatMap(({ outs }) => outs.map(({ path }) => path)),
    ]);
    const from = this.rig.root;
    cpSync(from, this.rig.path(place), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !skip.has(source.slice(from.length + 1)),
    });
  }
}
