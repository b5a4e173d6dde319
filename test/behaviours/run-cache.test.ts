// Behaviours 44–55: what was run once is restored, in this workspace or another, and never wrongly.

import { describe, expect, it } from '@jest/globals';
import { cpSync, lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { later, step, useRig } from '../rig.ts';

const rig = useRig();

/** params.yaml:p → first → second. */
function params(p: number): void {
  rig.write({ 'params.yaml': `p: ${p}\n` });
}

const chain = {
  stages: {
    first: { cmd: step('first', 'grep p params.yaml > one'), params: ['p'], outs: ['one'] },
    second: { cmd: step('second', 'mkdir two && cp one two/copy'), deps: ['one'], outs: ['two'] },
  },
};

async function settledChain(): Promise<void> {
  params(1);
  rig.pipeline(chain);
  await rig.settle();
}

/** A stage whose out depends on what no fingerprint knows. */
const unsteady = { stages: { only: { cmd: step('only', 'printf %s "$RIG_VALUE" > o'), outs: ['o'] } } };

function force(value: string): Promise<unknown> {
  return rig.settle(['-f'], { env: { RIG_VALUE: value } });
}

describe('run cache', () => {
  it('44. param A → B → A: restored, no process', async () => {
    await settledChain();
    params(2);
    await rig.settle();
    params(1);
    const run = await rig.repro();
    expect([run.code, run.executed, run.restored]).toEqual([0, [], ['first', 'second']]);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('two/copy')).toBe('p: 1\n');
  });

  it('45. outs and lock deleted: restored', async () => {
    await settledChain();
    rig.remove('one', 'two', 'pipeline.lock');
    const run = await rig.repro();
    expect([run.code, [...run.restored].sort()]).toEqual([0, ['first', 'second']]);
    expect(rig.executed()).toEqual([]);
    expect([rig.read('one'), rig.read('two/copy')]).toEqual(['p: 1\n', 'p: 1\n']);
  });

  it('46. forced runs with different outs: the newest wins', async () => {
    rig.pipeline(unsteady);
    await force('old');
    await force('new');
    rig.remove('o', 'pipeline.lock');
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(rig.read('o')).toBe('new');
  });

  it('46. an older run is tried where the newest lacks objects', async () => {
    rig.pipeline(unsteady);
    await force('old');
    await force('new');
    rig.remove('o', 'pipeline.lock', ...rig.objectsWith('new'));
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(rig.read('o')).toBe('old');
    expect(rig.executed()).toEqual([]);
  });

  it('47. objects gone: executes, no crash', async () => {
    await settledChain();
    rig.remove('one', 'two', 'pipeline.lock', 'cache/objects');
    const run = await rig.repro();
    expect([run.code, run.executed]).toEqual([0, ['first', 'second']]);
    expect(rig.executed()).toEqual(['first', 'second']);
  });

  it('47. objects gone: status and explain say that the run is recorded all the same', async () => {
    await settledChain();
    rig.remove('one', 'cache/objects');
    expect((await rig.status())['first']!.reasons).toEqual([
      { kind: 'out-missing', path: 'one' },
      { kind: 'objects-missing' },
    ]);
    expect((await rig.run(['explain', 'first'])).stdout).toContain('its contents are not in the cache');
    expect(rig.executed()).toEqual([]);
  });

  it('47. one object of a folder gone: executes that stage', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'mkdir d && echo a > d/a && echo b > d/b'), outs: ['d'] } } });
    await rig.settle();
    rig.remove('d', ...rig.objectsWith('b\n'));
    await rig.good();
    expect(rig.executed()).toEqual(['only']);
    expect(rig.objectsWith('b\n')).toHaveLength(1);
  });

  it.each([
    ['empty', ''],
    ['text', 'not an entry\n'],
    ['half', undefined],
    ['another type', '[]'],
  ])('48. a corrupt run entry (%s): a warning, a miss, and it heals', async (_, text) => {
    await settledChain();
    const entries = rig.files('cache/runs');
    expect(entries.length).toBeGreaterThanOrEqual(2);
    for (const path of entries) {
      const whole = rig.read(path);
      rig.damage(path, text ?? whole.slice(0, whole.length / 2));
    }
    rig.remove('one', 'two', 'pipeline.lock');
    const run = await rig.good();
    expect(run.events.some((event) => event.kind === 'warning') || run.stderr.includes('warning')).toBe(true);
    expect(rig.executed()).toEqual(['first', 'second']);
    rig.remove('one', 'two', 'pipeline.lock');
    const healed = await rig.repro();
    expect([...healed.restored].sort()).toEqual(['first', 'second']);
    expect(healed.events.some((event) => event.kind === 'warning')).toBe(false);
  });

  it.each([
    ['of the same size', 'p: 9\n'],
    ['shorter', 'p'],
  ])('48. a corrupt object (%s): a warning, a miss, and it heals', async (_, text) => {
    await settledChain();
    const [object] = rig.objectsWith('p: 1\n');
    rig.damage(object!, text);
    rig.remove('one', 'two');
    const run = await rig.good();
    expect(run.events.some((event) => event.kind === 'warning') || run.stderr.includes('warning')).toBe(true);
    expect(rig.executed()).toContain('first');
    expect([rig.read('one'), rig.read('two/copy')]).toEqual(['p: 1\n', 'p: 1\n']);
    expect(rig.objectsWith('p: 1\n')).toHaveLength(1);
    rig.remove('one', 'two');
    expect([...(await rig.repro()).restored].sort()).toEqual(['first', 'second']);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
  });

  it('49. --no-commit stores nothing; commit then does', async () => {
    params(1);
    rig.pipeline(chain);
    const run = await rig.repro(['--no-commit']);
    expect([run.code, run.executed]).toEqual([0, ['first', 'second']]);
    rig.executed();
    expect([...rig.files('cache/objects'), ...rig.files('cache/runs')]).toEqual([]);
    expect((await rig.run(['commit'])).code).toBe(0);
    expect(rig.objectsWith('p: 1\n')).toHaveLength(1);
    expect(await rig.states()).toEqual({ first: 'fresh', second: 'fresh' });
    rig.remove('one', 'two', 'pipeline.lock');
    expect([...(await rig.repro()).restored].sort()).toEqual(['first', 'second']);
    expect(rig.executed()).toEqual([]);
  });

  it('49. --dry stores nothing', async () => {
    params(1);
    rig.pipeline(chain);
    await rig.good(['--dry']);
    expect(rig.files('cache')).toEqual([]);
    expect(rig.has('pipeline.lock')).toBe(false);
  });

  it.each([
    ['and the lock', ['pipeline.lock']],
    ['without the lock', []],
  ])('50. fresh clone with a restored cache folder %s: everything is restored, nothing runs', async (_, more) => {
    await settledChain();
    for (const path of ['pipeline.yaml', 'params.yaml', 'cache', ...more])
      cpSync(rig.path(path), rig.path('../clone', path), { recursive: true });
    const clone = await rig.repro([], { cwd: '../clone' });
    expect([clone.code, [...clone.restored].sort()]).toEqual([0, ['first', 'second']]);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('../clone/two/copy')).toBe('p: 1\n');
    expect(rig.read('../clone/pipeline.lock')).toBe(rig.read('pipeline.lock'));
  });

  it.each(['copy', 'hardlink', 'symlink'])(
    '51. uncached metrics are restored as plain writable copies: link %s',
    async (link) => {
      rig.write({ seed: '1' });
      rig.pipeline({
        cache: { link },
        stages: {
          only: {
            cmd: step('only', 'echo 0.5 > m.json; cp seed o'),
            deps: ['seed'],
            outs: ['o'],
            metrics: [{ 'm.json': { cache: false } }],
          },
        },
      });
      await rig.settle();
      rig.remove('m.json', 'o', 'pipeline.lock');
      expect((await rig.repro()).restored).toEqual(['only']);
      const stat = lstatSync(rig.path('m.json'));
      expect([stat.isFile(), stat.nlink, stat.mode & 0o200]).toEqual([true, 1, 0o200]);
      rig.write({ 'm.json': 'edited\n' });
      expect((await rig.run(['cache', 'verify'])).code).toBe(0);
      expect((await rig.repro()).restored).toEqual(['only']);
      expect(rig.read('m.json')).toBe('0.5\n');
    },
  );

  it('52. --no-run-cache executes what could be restored', async () => {
    await settledChain();
    params(2);
    await rig.settle();
    params(1);
    expect((await rig.repro(['--no-run-cache'])).executed).toContain('first');
    expect(rig.executed()).toContain('first');
    // What is fresh is fresh, with or without the run cache.
    expect((await rig.repro(['--no-run-cache'])).executed).toEqual([]);
  });

  it('53. --allow-missing skips where only data is missing', async () => {
    rig.write({ 'big.bin': '1' });
    rig.pipeline({
      stages: {
        first: { cmd: step('first', 'cp big.bin one'), deps: ['big.bin'], outs: ['one'] },
        second: { cmd: step('second', 'cp one two'), deps: ['one'], outs: ['two'] },
      },
    });
    await rig.settle();
    rig.remove('big.bin', 'one', 'two', 'cache', '.dagrun');
    expect((await rig.run(['repro'])).code).toBeGreaterThan(0);
    const run = await rig.repro(['--allow-missing']);
    expect([run.code, run.skipped]).toEqual([0, ['first', 'second']]);
    expect(run.events.filter((event) => event.kind === 'stage-skipped').map((event) => event['reason'])).toEqual([
      'data-missing',
      'data-missing',
    ]);
    expect(rig.executed()).toEqual([]);
  });

  it('53. --allow-missing does not skip where the recorded hash differs', async () => {
    rig.write({ 'big.bin': '1', 'small.txt': '1' });
    rig.pipeline({
      stages: {
        first: { cmd: step('first', 'cp big.bin one'), deps: ['big.bin'], outs: ['one'] },
        second: { cmd: step('second', 'cp small.txt two'), deps: ['small.txt'], outs: ['two'] },
      },
    });
    await rig.settle();
    rig.remove('big.bin', 'one', 'two', 'cache');
    rig.write({ 'small.txt': '2' });
    const run = await rig.repro(['--allow-missing']);
    expect([run.code, run.executed, run.skipped]).toEqual([0, ['second'], ['first']]);
    expect(rig.executed()).toEqual(['second']);
  });

  it('53. --allow-missing does not hide a changed param behind missing data', async () => {
    rig.write({ 'big.bin': '1' });
    params(1);
    rig.pipeline({
      stages: { only: { cmd: step('only', 'cp big.bin one'), deps: ['big.bin'], params: ['p'], outs: ['one'] } },
    });
    await rig.settle();
    rig.remove('big.bin', 'one', 'cache');
    params(2);
    expect((await rig.repro(['--allow-missing'])).code).toBeGreaterThan(0);
    expect(rig.executed()).toEqual([]);
  });

  it.each([
    ['params only', { params: ['p'] }],
    ['neither deps nor params', {}],
  ])('54. stages with %s are cached as well', async (_, inputs) => {
    params(1);
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'], ...inputs } } });
    await rig.settle();
    expect((await rig.repro()).skipped).toEqual(['only']);
    rig.remove('o');
    expect((await rig.repro()).restored).toEqual(['only']);
    rig.remove('o', 'pipeline.lock');
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(rig.executed()).toEqual([]);
  });

  it('54. a stage without outs is skipped the second time; as it is run for its effect, it runs again after A → B → A', async () => {
    params(1);
    rig.pipeline({ stages: { only: { cmd: step('only'), params: ['p'] } } });
    await rig.settle();
    expect((await rig.repro()).skipped).toEqual(['only']);
    params(2);
    await rig.settle();
    params(1);
    expect((await rig.good()).executed).toEqual(['only']);
    expect((await rig.good()).skipped).toEqual(['only']);
  });

  it('55. gc prunes run entries along with their objects and logs', async () => {
    await settledChain();
    params(2);
    await rig.settle();
    expect([rig.objectsWith('p: 1\n').length, rig.objectsWith('p: 2\n').length]).toEqual([1, 1]);
    const [entries, logs] = [rig.files('cache/runs').length, rig.files('cache/logs').length];
    expect((await rig.run(['gc', '--workspace'])).code).toBe(0);
    expect([rig.objectsWith('p: 1\n').length, rig.objectsWith('p: 2\n').length]).toEqual([0, 1]);
    expect(rig.files('cache/runs').length).toBeLessThan(entries);
    expect(rig.files('cache/logs').length).toBeLessThan(logs);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
    params(1);
    const run = await rig.repro();
    expect([run.code, run.executed]).toEqual([0, ['first', 'second']]);
  });

  it('55. gc by age keeps what is younger', async () => {
    await settledChain();
    params(2);
    const old = later(40);
    await rig.settle([], { env: old });
    expect((await rig.run(['gc', '--older-than', '30d'], { env: old })).code).toBe(0);
    expect([rig.objectsWith('p: 1\n').length, rig.objectsWith('p: 2\n').length]).toEqual([0, 1]);
  });

  it('55. temporary files that a killed run left are removed by gc', async () => {
    await settledChain();
    const [folder] = readdirSync(rig.path('cache')).filter((name) => name === 'tmp');
    if (folder !== undefined) writeFileSync(rig.path('cache/tmp/.tmp-left'), readFileSync(rig.path('one')));
    expect((await rig.run(['gc', '--workspace'], { env: later(40) })).code).toBe(0);
    expect(rig.files('cache/tmp')).toEqual([]);
  });
});
