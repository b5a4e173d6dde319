import { expect, it } from '@jest/globals';
import { suggest } from './suggest.ts';

it.each([
  ['tarin', ['train', 'test'], 'train'],
  ['Train', ['train'], 'train'],
  ['evalute', ['evaluate', 'compare'], 'evaluate'],
  ['xyz', ['train'], undefined],
  ['a', ['b'], 'b'],
  ['ab', ['train'], undefined],
])('%s among %p: %p', (name, candidates, expected) => {
  expect(suggest(name, candidates)).toBe(expected);
});
