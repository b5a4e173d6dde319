import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { throwFaults } from './faults.ts';
import { locateIn } from './locate.ts';
import { readParams } from './params.ts';
import { findUnsupported } from './supported.ts';
import { faultsOf, smallest } from './testing.ts';

function unsupported(yaml: string): readonly string[] {
  const { models } = readParams(parse(yaml));
  return faultsOf(() => throwFaults('params.yaml', findUnsupported(models), () => locateIn(yaml)));
}

describe('what this version cannot do', () => {
  it('is a backbone, told with its place and what to do', () => {
    expect(unsupported(`model:\n  a: {model: ${smallest}}\n  b: {model: {ResNet50: 100}}`)).toEqual([
      'params.yaml:3:25: model.b.model.ResNet50: the backbone ResNet50 is not part of this version (take "b" out of the file and the others can run, or describe a network under `custom`)',
    ]);
  });

  it('is no engine: whether one works is a matter of the machine', () => {
    const models = ['node', 'node-gpu', 'webgpu', 'wasm', 'auto'].map(
      (engine, index) => `m${index}: {params: {engine: ${engine}}, model: ${smallest}}`,
    );
    expect(unsupported(`model: {${models.join(', ')}}`)).toEqual([]);
  });
});
