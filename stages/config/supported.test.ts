import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { throwFaults } from './faults.ts';
import { locateIn } from './locate.ts';
import { readParams } from './params.ts';
import { findUnsupported } from './supported.ts';
import { faultsOf, smallest } from './testing.ts';

function unsupported(yaml: string): readonly string[] {
  const document: unknown = parse(yaml);
  const { models } = readParams(document);
  return faultsOf(() => throwFaults('params.yaml', findUnsupported(document, models), () => locateIn(yaml)));
}

describe('what this version cannot do', () => {
  it('is a backbone, told with its place and what to do', () => {
    expect(unsupported(`model:\n  a: {model: ${smallest}}\n  b: {model: {ResNet50: 100}}`)).toEqual([
      'params.yaml:3:25: model.b.model.ResNet50: the backbone ResNet50 is not part of this version (take "b" out of the file and the others can run, or describe a network under `custom`)',
    ]);
  });

  it('is an engine, told once where the file asks for it', () => {
    const models = `a: {model: ${smallest}}, b: {model: ${smallest}}`;
    expect(unsupported(`train: {engine: node}\nmodel: {${models}}`)).toEqual([
      'params.yaml:1:17: train.engine: the engine node is not part of this version (write `auto` or `wasm`)',
    ]);
    expect(unsupported(`model: {a: {params: {engine: webgpu}, model: ${smallest}}}`)[0]).toMatch(
      /^params\.yaml:1:30: model\.a\.params\.engine: the engine webgpu /,
    );
    expect(unsupported(`model: {a: {params: {train: {engine: node-gpu}}, model: ${smallest}}}`)[0]).toMatch(
      /^params\.yaml:1:38: model\.a\.params\.train\.engine: the engine node-gpu /,
    );
  });

  it('is not what every model overrides, and nothing of the rest', () => {
    const models = `a: {params: {engine: wasm}, model: ${smallest}}, b: {params: {engine: auto}, model: ${smallest}}`;
    expect(unsupported(`train: {engine: node}\nmodel: {${models}}`)).toEqual([]);
  });
});
