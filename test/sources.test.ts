// Pipeline and parameter files as they come from other programs: in other encodings, unreadable, or no files at all.

import { describe, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { step, useRig } from './rig.ts';

const rig = useRig();
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('text that is not UTF-8', () => {
  it('is refused in a pipeline file, with its place', async () => {
    rig.write({ 'pipeline.yaml': latin1('stages:\n  only:\n    cmd: echo café > o\n    outs: [o]\n') });
    for (const args of [['repro'], ['status']]) {
      const run = await rig.run(args);
      expect(run.code).toBe(2);
      expect(run.stderr).toContain('pipeline.yaml:3:18: this is not UTF-8');
    }
    expect(rig.has('o')).toBe(false);
  });

  it.each(['params.yaml', 'params.json', 'params.toml'])(
    'is refused in %s, where two values would look alike',
    async (file) => {
      const line = { yaml: 'k: café', json: '{"k": "café"}', toml: 'k = "café"' }[file.slice(7)]!;
      rig.write({ [file]: line });
      rig.pipeline({ stages: { only: { cmd: step('only'), params: [{ [file]: ['k'] }] } } });
      await rig.settle();
      rig.write({ [file]: latin1(line) });
      const run = await rig.run(['repro']);
      expect(run.code).toBe(2);
      expect(run.stderr).toContain(`${file}:1:`);
      expect(run.stderr).toContain('this is not UTF-8');
    },
  );

  it('leaves a replacement character that is written as such alone', async () => {
    rig.write({ 'params.yaml': 'k: "\uFFFD"\n' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo "\uFFFD" > o'), params: ['k'], outs: ['o'] } } });
    await rig.settle();
    expect(rig.read('o')).toBe('\uFFFD\n');
  });
});

describe('sources that cannot be read', () => {
  const unreadable: readonly (readonly [string, () => void])[] = [
    ['pipeline.yaml', () => chmodSync(rig.path('pipeline.yaml'), 0)],
    ['params.yaml', () => chmodSync(rig.path('params.yaml'), 0)],
    ['vars.yaml', () => chmodSync(rig.path('vars.yaml'), 0)],
  ];
  // The owner of everything may read everything.
  const whoMinds = process.getuid?.() === 0 ? it.skip : it;

  whoMinds.each(unreadable)('are named: %s', async (file, spoil) => {
    write();
    spoil();
    const run = await rig.run(['status']);
    expect(run.code).toBe(2);
    expect(run.stderr).toBe(`${file} cannot be read: permission denied\n`);
  });

  it.each(['params.yaml', 'vars.yaml'])('are named where they are folders: %s', async (file) => {
    write();
    rig.remove(file);
    mkdirSync(rig.path(file));
    const run = await rig.run(['status']);
    expect(run.code).toBe(2);
    expect(run.stderr).toBe(`${file} cannot be read: it is a folder\n`);
  });

  function write(): void {
    writeFileSync(rig.path('params.yaml'), 'a: 1\n');
    writeFileSync(rig.path('vars.yaml'), 'b: 1\n');
    rig.pipeline({ vars: ['vars.yaml'], stages: { only: { cmd: 'echo ${a} ${b} > o', outs: ['o'] } } });
  }
});
