// kill -9 of the runner at arbitrary moments. What must hold afterwards does not depend on the moment: nothing that is reachable in the cache
// is damaged, nothing is fresh that is not right, no command lives on, and the next run ends right.
//
// DAGRUN_CRASH_RUNS: how many kills (default 200). DAGRUN_CRASH_SEED: replays the draws of a failure (its moments depend on the machine too).

import { afterAll, describe, expect, it } from '@jest/globals';
import { Rig, controlled, isAlive, useRig } from './rig.ts';
import { crashPipeline, crashStages, outOfStage, wrongPaths } from './crash-pipeline.ts';
import { awaitSurvivors, findSurvivors } from './survivors.ts';

const kills = Number(process.env['DAGRUN_CRASH_RUNS'] ?? 200);
const seed = Number(process.env['DAGRUN_CRASH_SEED'] ?? Date.now() % 1_000_000);
const workspaces = 3;
/** Seconds that the commands of a killed runner may live on. */
const patience = 5;

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function makeDraw(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const kinds = ['new-seed', 'old-seed', 'outs-removed', 'lock-removed', 'out-edited', 'forced'] as const;
type Kind = (typeof kinds)[number];

/** One of the workspaces has failed: the others stop. */
let givenUp = false;

/** One workspace that is crashed over and over. */
class Victim {
  readonly rig = new Rig();
  readonly #draw: () => number;
  readonly #name: string;
  /** Milliseconds that an undisturbed run takes, by what it has to do: the range of the moments. */
  readonly #lengths = new Map<Kind, number>();
  #seeds: string[] = [];
  #counter = 0;
  #current = '';
  #round = '';
  done = 0;

  constructor(index: number) {
    this.#draw = makeDraw(seed + index * 7919);
    this.#name = `seed-of-${index}`;
  }

  async open(): Promise<void> {
    await this.rig.open();
    this.rig.pipeline(crashPipeline);
    this.#change('new-seed');
    const startedAt = performance.now();
    await this.#completes();
    for (const kind of kinds) this.#lengths.set(kind, performance.now() - startedAt);
  }

  /** Rounds until so many runs have been killed. */
  async crash(times: number): Promise<void> {
    for (let round = 0; this.done < times && !givenUp; round++) {
      if (this.#seeds.length > 12) this.#startOver();
      const kind = this.#pick(kinds);
      await this.#killOnce(kind, round);
    }
    this.#round = 'at the end';
    await this.#verifies();
    const left = this.rig.files('.').filter((path) => /^(\.dagrun\/.*)?\.tmp-|^\.dagrun\/lock/.test(path));
    this.#expect('temporary files left behind', left, []);
  }

  async #killOnce(kind: Kind, round: number): Promise<void> {
    const longest = this.#lengths.get(kind)!;
    const delay = this.#draw() * longest * 1.05;
    const atOnce = this.#draw() < 0.4;
    this.#change(kind);
    this.#round = `round ${round} of ${this.#name} (${kind}, killed after ${delay.toFixed(1)} ms${atOnce ? ', next run at once' : ''})`;
    const startedAt = performance.now();
    const run = this.rig.start(['repro', '-j', '3', '--json', ...(kind === 'forced' ? ['-f'] : [])]);
    const timer = setTimeout(() => run.signal('SIGKILL'), delay);
    const end = await run.end();
    clearTimeout(timer);
    if (end.signal === 'SIGKILL') this.done++;
    else {
      this.#lengths.set(kind, performance.now() - startedAt);
      this.#expect(`a run that was not killed: ${end.output}`, end.code, 0);
    }
    if (!atOnce) await this.#isHarmless();
    await this.#completes();
    this.#expect('processes that survived', await awaitSurvivors(this.rig, patience), []);
  }

  /** What holds right after a kill, before anything was repaired. */
  async #isHarmless(): Promise<void> {
    this.#expect('processes that survived', await awaitSurvivors(this.rig, patience), []);
    await this.#verifies();
    const states = await this.rig.states();
    this.#expect('stages that status knows', Object.keys(states).sort(), crashStages.toSorted());
    for (const stage of crashStages) if (states[stage] === 'fresh') this.#isRight(stage, 'reported fresh');
  }

  async #verifies(): Promise<void> {
    const verified = await this.rig.run(['cache', 'verify']);
    this.#expect(`cache verify: ${verified.output}`, verified.code, 0);
  }

  async #completes(): Promise<void> {
    const run = await this.rig.repro(['-j', '3']);
    this.#expect(`the next run: ${run.output}`, run.code, 0);
    this.#expect(`warnings of the next run: ${run.output}`, run.stderr, '');
    for (const stage of crashStages) this.#isRight(stage, 'made by the next run');
    this.#expect('the lock of the workspace is left', this.rig.has('.dagrun/lock'), false);
    if (this.#draw() < 0.25) this.#expect('status --check', (await this.rig.run(['status', '--check'])).code, 0);
  }

  #isRight(stage: string, how: string): void {
    this.#expect(`${stage}, ${how}`, wrongPaths(this.rig.root, outOfStage[stage]!, this.#current), []);
  }

  #expect(what: string, actual: unknown, expected: unknown): void {
    const replay = `DAGRUN_CRASH_SEED=${seed}`;
    expect({ what, round: this.#round, replay, actual }).toEqual({
      what,
      round: this.#round,
      replay,
      actual: expected,
    });
  }

  #change(kind: Kind): void {
    const { rig } = this;
    switch (kind) {
      case 'new-seed':
        this.#current = `${this.#name}-${this.#counter++}`;
        this.#seeds.push(this.#current);
        break;
      case 'old-seed':
        this.#current = this.#pick(this.#seeds);
        break;
      case 'lock-removed':
        rig.remove('pipeline.lock');
        this.#removeOuts();
        break;
      case 'outs-removed':
        this.#removeOuts();
        break;
      case 'out-edited':
        rig.write({ [this.#pick(['big', 'left', 'tree/sub/b', 'tree/new', 'slow'])]: 'edited by hand' });
        break;
      case 'forced':
        break;
    }
    rig.write({ seed: `${this.#current}\n` });
  }

  #removeOuts(): void {
    for (const out of Object.values(outOfStage)) if (this.#draw() < 0.6) this.rig.remove(out);
  }

  /** A new cache: it would take longer and longer to verify. */
  #startOver(): void {
    this.rig.remove('cache');
    this.#seeds = [];
    this.#change('new-seed');
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#draw() * values.length)]!;
  }
}

describe('42. kill -9 of the runner at any instant', () => {
  const victims = Array.from({ length: workspaces }, (_, index) => new Victim(index));

  afterAll(() => Promise.all(victims.map((victim) => victim.rig.close())));

  it(
    `leaves no damage, no false hit and no process, and the next run completes: ${kills} kills`,
    async () => {
      const ends = await Promise.allSettled(
        victims.map(async (victim, index) => {
          try {
            await victim.open();
            await victim.crash(Math.ceil((kills - index) / workspaces));
          } catch (error) {
            givenUp = true;
            throw error;
          }
        }),
      );
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      expect(victims.reduce((sum, victim) => sum + victim.done, 0)).toBe(kills);
      expect(victims.flatMap((victim) => findSurvivors(victim.rig))).toEqual([]);
    },
    20_000 + kills * 10_000,
  );
});

describe('after the runner was killed', () => {
  const rig = useRig();

  it('a command that ignores SIGTERM is gone before the next run starts one', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only'), outs: ['o'] } } });
    const first = rig.start(['repro']);
    const old = await rig.started('only');
    await old.ignore('SIGTERM');
    first.signal('SIGKILL');
    await first.end();
    const second = rig.start(['repro']);
    const fresh = await rig.started('only');
    expect(isAlive(old.pid)).toBe(false);
    await fresh.write(rig.path('o'), 'fresh');
    await fresh.exit(0);
    expect((await second.end()).code).toBe(0);
    expect(rig.read('o')).toBe('fresh');
  });
});
