import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadDigest } from '../core/digest.ts';
import { encodeName } from './layout.ts';

beforeAll(loadDigest);

describe('encodeName', () => {
  it.each([
    ['train', 'train'],
    ['train@lr=0.1', 'train@lr=0.1'],
    ['', '%'],
    ['.', '%2E'],
    ['..', '%2E.'],
    ['a/b', 'a%2Fb'],
    ['a%2Fb', 'a%252Fb'],
    ['é', '%C3%A9'],
    ['\ud800', '%ud800'],
    ['a b\0', 'a%20b%00'],
  ])('writes %j as %j', (text, encoded) => {
    expect(encodeName(text)).toBe(encoded);
  });

  it('gives every text a file name of its own', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('%', '-', '.', 'a', '/', '2', 'F', 'u', '\ud800') }),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(encodeName(a)).toMatch(/^[A-Za-z0-9_@=+,%-][A-Za-z0-9_@=+,.%-]{0,159}$/);
        expect(encodeName(a) === encodeName(b)).toBe(a === b);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps long names apart that begin and end alike', () => {
    const names = ['x', 'y'].map((middle) => encodeName('a'.repeat(200) + middle + 'b'.repeat(200)));
    expect(names[0]).not.toBe(names[1]);
    expect(names[0]!.length).toBeLessThan(130);
  });
});
