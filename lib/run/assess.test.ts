import { afterEach, describe, expect, it } from '@jest/globals';
import { MemoryProject } from '../../test/memory-project.ts';
import type { StageSketch } from '../../test/make-pipeline.ts';
import { loadDigest } from '../core/digest.ts';

await loadDigest();

const projects: MemoryProject[] = [];
afterEach(() => projects.splice(0).forEach((project) => project.remove()));

async function settled(sketches: Readonly<Record<string, StageSketch>>): Promise<MemoryProject> {
  const project = new MemoryProject(sketches);
  projects.push(project);
  project.files.set('in', '1');
  await project.repro();
  return project;
}

async function states(project: MemoryProject, ...rest: Parameters<MemoryProject['assess']>): Promise<object> {
  return Object.fromEntries((await project.assess(...rest)).map(({ name, state }) => [name, state]));
}

const chain = {
  a: { deps: ['in'], outs: ['a.out'] },
  b: { deps: ['a.out'], outs: ['b.out'] },
  c: { deps: ['b.out'], outs: ['c.out'] },
};

describe('24. what is below a stale stage', () => {
  it('is unknown until that stage runs, all the way down', async () => {
    const project = await settled(chain);
    project.files.set('in', '2');
    expect(await states(project)).toEqual({ a: 'stale', b: 'unknown', c: 'unknown' });
  });

  it('is stale where something of its own changed as well', async () => {
    const project = await settled(chain);
    project.files.set('in', '2');
    project.set({ ...chain, b: { ...chain.b, cmd: 'changed' } });
    const [, b] = await project.assess();
    expect(b?.state).toBe('stale');
    expect(b?.reasons.map((reason) => reason.kind)).toEqual(['upstream', 'cmd']);
  });

  it('is known where that stage is restored', async () => {
    const project = await settled(chain);
    project.files.set('in', '2');
    await project.repro();
    project.files.set('in', '1');
    expect(await states(project)).toEqual({ a: 'restorable', b: 'restorable', c: 'restorable' });
  });

  it('is fresh where what is restored is what it was', async () => {
    const project = await settled(chain);
    project.files.delete('a.out');
    expect(await states(project)).toEqual({ a: 'restorable', b: 'fresh', c: 'fresh' });
  });

  it('is unknown also where a pattern, a param file, code or a history leads to it', async () => {
    const project = await settled({
      a: { deps: ['in'], outs: ['d/a.json'] },
      pattern: { globs: ['d/*'], outs: ['pattern.out'] },
      history: { runs: ['a'], outs: ['history.out'] },
    });
    project.files.set('in', '2');
    expect(await states(project)).toEqual({ a: 'stale', pattern: 'unknown', history: 'unknown' });
    project.set({
      a: { deps: ['in'], outs: ['d/a.json'] },
      code: { code: ['d/a.json'], outs: ['code.out'] },
      param: { params: [['d/a.json', 'key']], outs: ['param.out'] },
    });
    const found = await project.assess();
    expect(found.map(({ decision }) => decision.kind)).toEqual(['execute', 'unknown', 'unknown']);
  });

  it('is broken where an input of its own is missing, and says so without a crash', async () => {
    const project = await settled(chain);
    project.set({ ...chain, c: { deps: ['b.out', 'nowhere'], outs: ['c.out'] } });
    const [, , c] = await project.assess();
    expect(c?.decision.kind).toBe('fail');
    expect(c?.reasons).toMatchObject([{ kind: 'dep-missing', path: 'nowhere' }]);
  });
});

describe('the rules', () => {
  it('force and force-downstream are foreseen', async () => {
    const project = await settled({ ...chain, alone: { outs: ['alone.out'] } });
    expect(await states(project, { force: true })).toEqual({ a: 'stale', b: 'stale', c: 'stale', alone: 'stale' });
    project.set({ ...chain, alone: { outs: ['alone.out'] }, a: { ...chain.a, cmd: 'changed' } });
    expect(await states(project, { forceDownstream: true })).toEqual({
      a: 'stale',
      b: 'stale',
      c: 'stale',
      alone: 'fresh',
    });
  });

  it('changes nothing', async () => {
    const project = await settled(chain);
    project.files.set('in', '2');
    const before = [new Map(project.files), new Map(project.lock), [...project.calls]];
    await project.assess({ force: true });
    expect([new Map(project.files), new Map(project.lock), [...project.calls]]).toEqual(before);
  });
});
