import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildEnvironment } from './environment.ts';

describe('buildEnvironment', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'environment-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const build = (base: Record<string, string | undefined>) =>
    buildEnvironment({ base, stage: 'train@a', root, context: '/c.json' });

  it('passes the base on and adds where the stage is', () => {
    const base = { HOME: '/h', PATH: '/bin', EMPTY: '', GONE: undefined, DAGRUN_STAGE: 'of an outer runner' };
    expect(build(base)).toEqual({
      HOME: '/h',
      PATH: '/bin',
      EMPTY: '',
      DAGRUN_STAGE: 'train@a',
      DAGRUN_ROOT: root,
      DAGRUN_CONTEXT: '/c.json',
    });
    expect(base.DAGRUN_STAGE).toBe('of an outer runner');
  });

  it('puts programs of installed packages first in PATH, once', () => {
    const programs = join(root, 'node_modules', '.bin');
    mkdirSync(programs, { recursive: true });
    const path = `${programs}${delimiter}/bin`;
    expect(build({ PATH: '/bin' })['PATH']).toBe(path);
    expect(build({ PATH: path })['PATH']).toBe(path);
    expect(build({})['PATH']).toBe(programs);
    expect(build({ PATH: '' })['PATH']).toBe(programs);
  });

  it('leaves PATH alone where there are none', () => {
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'node_modules', '.bin'), 'not a folder');
    expect(build({ PATH: '/bin' })['PATH']).toBe('/bin');
    expect(build({})).not.toHaveProperty('PATH');
  });
});
