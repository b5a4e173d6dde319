import { describe, expect, it } from '@jest/globals';
import { locateIn } from './locate.ts';

const text = `x-head: &head
  - flatten: 0
  - output_classes: 10
base: &base
  params: { lr: 0.1, augment: { flip: true } }
model:
  a:
    <<: *base
    model: {custom: [{layer: [{branch: *head}]}]}
  2: {params: {epochs: 3}}
`;

describe('locateIn', () => {
  it.each([
    ['a plain value', ['model', '2', 'params', 'epochs'], '10:24'],
    ['the key of a map', ['model', 'a'], '7:3'],
    [
      'what an alias stands for',
      ['model', 'a', 'model', 'custom', 0, 'layer', 0, 'branch', 1, 'output_classes'],
      '3:21',
    ],
    ['an element of a list', ['model', 'a', 'model', 'custom', 0, 'layer', 0], '9:31'],
    ['what is merged in', ['model', 'a', 'params', 'augment', 'flip'], '5:39'],
    ['what is around a value that the text does not have', ['model', '2', 'params', 'lr'], '10:7'],
    ['the whole file', [], '1:1'],
  ])('finds %s', (_, path, place) => expect(locateIn(text)(path)).toBe(place));

  it('knows no place in an empty text', () => {
    expect(locateIn('')(['model'])).toBeUndefined();
  });
});
