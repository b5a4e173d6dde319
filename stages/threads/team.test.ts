import { afterEach, describe, expect, it } from '@jest/globals';

import { StageFailure } from '../context/fail.ts';
import { atWork, claimed, type Order } from './fixtures/program.ts';
import { createSignals, openSignals, Stopped } from './signals.ts';
import { countThreads, openTeam, type Team } from './team.ts';

const program = new URL('./fixtures/program.ts', import.meta.url).href;

describe('signals', () => {
  it('count up, are claimed once each, and begin again', async () => {
    const one = createSignals(2);
    const other = openSignals(one.buffer);
    expect([one.claim(0, 2), other.claim(0, 2), one.claim(0, 2)]).toEqual([0, 1, null]);
    other.add(1);
    await one.reached(1, 1);
    expect([one.read(0), one.read(1)]).toEqual([2, 1]);
    one.reset(0);
    expect(other.read(0)).toBe(0);
  });

  it('end every wait when the work is given up, those already begun too', async () => {
    const signals = createSignals(1);
    const waiting = signals.reached(0, 1);
    setTimeout(() => signals.stop(), 30);
    await expect(waiting).rejects.toThrow(Stopped);
    await expect(signals.reached(0, 0)).rejects.toThrow(Stopped);
    expect(openSignals(signals.buffer).isStopped()).toBe(true);
  });
});

describe('countThreads', () => {
  it('is what DAGRUN_THREADS says, but never more than there are parts', () => {
    expect(countThreads(8, { DAGRUN_THREADS: '3' })).toBe(3);
    expect(countThreads(2, { DAGRUN_THREADS: '3' })).toBe(2);
    expect(countThreads(0, { DAGRUN_THREADS: '3' })).toBe(1);
    expect(countThreads(1000, {})).toBeGreaterThanOrEqual(1);
    expect(countThreads(1, { DAGRUN_THREADS: '' })).toBe(1);
  });

  it.each(['0', '-1', '1.5', 'two', '1000'])('refuses %s', (text) => {
    expect(() => countThreads(8, { DAGRUN_THREADS: text })).toThrow(StageFailure);
  });
});

describe('a team', () => {
  let team: Team | undefined;
  afterEach(async () => {
    await team?.close();
  });

  it('shares a work out, each part done once', async () => {
    team = openTeam({ threads: 3, program, data: null });
    const { signals } = team;
    for (const end of [5000, 17]) {
      const into = new Int32Array(new SharedArrayBuffer(4 * end));
      signals.reset(claimed);
      const order: Order = { kind: 'claim', end, into };
      await team.run(order, async () => {
        // The others do some of it at least.
        await signals.reached(atWork, 2);
        for (let number = signals.claim(claimed, end); number !== null; number = signals.claim(claimed, end))
          Atomics.add(into, number, 1);
      });
      expect(new Set(into)).toEqual(new Set([1]));
    }
  });

  it('is the leader alone where it has one thread', async () => {
    team = openTeam({ threads: 1, program: 'file:///nowhere.ts', data: null });
    expect(await team.run('anything', () => Promise.resolve(7))).toBe(7);
  });

  it('has no members before more than the leader are to work', async () => {
    let wanted = 1;
    team = openTeam({ threads: 3, program, data: null, crew: () => wanted });
    const { signals } = team;
    const order: Order = { kind: 'claim', end: 0, into: new Int32Array(new SharedArrayBuffer(4)) };
    await team.run(order, () => Promise.resolve());
    expect([team.crew(), signals.read(atWork)]).toEqual([1, 0]);
    wanted = 9;
    expect(team.crew()).toBe(3);
    await team.run(order, () => signals.reached(atWork, 2));
    expect(signals.read(atWork)).toBe(2);
  });

  it('ends with the message of a member that cannot start', async () => {
    team = openTeam({ threads: 2, program, data: 'cannot start' });
    const order: Order = { kind: 'wait for ever' };
    await expect(team.run(order, () => Promise.resolve())).rejects.toThrow(
      /^a thread of this stage failed: Error: no luck today/,
    );
  });

  it('ends with a message where a member runs out of memory', async () => {
    team = openTeam({ threads: 2, program, data: null, heapMegabytes: 40 });
    const order: Order = { kind: 'fill memory' };
    await expect(team.run(order, () => Promise.resolve())).rejects.toThrow(
      /it ran out of memory; take a smaller batch/,
    );
  });

  it('gives up what the leader gives up, members that wait included', async () => {
    team = openTeam({ threads: 3, program, data: null });
    const order: Order = { kind: 'wait for ever' };
    const failing = team.run(order, async () => {
      await team!.signals.reached(atWork, 2);
      throw new Error('enough');
    });
    await expect(failing).rejects.toThrow('enough');
    await team.close();
    expect(team.signals.isStopped()).toBe(true);
  });
});
