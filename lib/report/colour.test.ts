import { describe, expect, it } from '@jest/globals';
import { makeColours } from './colour.ts';

describe('makeColours', () => {
  it('leaves a text as it is where colours are off', () => {
    expect(makeColours(false).red('a')).toBe('a');
  });

  it('goes on after a text within has ended a colour of its own', () => {
    const { red, cyan, bold, dim } = makeColours(true);
    expect(red('a')).toBe('\x1b[31ma\x1b[39m');
    expect(red(`a${cyan('b')}c`)).toBe('\x1b[31ma\x1b[36mb\x1b[39m\x1b[31mc\x1b[39m');
    expect(bold(`a${dim('b')}c`)).toBe('\x1b[1ma\x1b[2mb\x1b[22m\x1b[1mc\x1b[22m');
  });
});
