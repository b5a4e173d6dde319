import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRepoPath, isWithin, overlaps, placePath } from './path.ts';
import type { RepoPath } from './path.ts';

describe('placePath', () => {
  it.each([
    ['a/b', '', 'inside', 'a/b'],
    ['./a//b/', '', 'inside', 'a/b'],
    ['a/../b', '', 'inside', 'b'],
    ['..', 'sub', 'inside', ''],
    ['../x', 'sub', 'inside', 'x'],
    ['data\\raw\\x.csv', '', 'inside', 'data/raw/x.csv'],
    ['../x', '', 'outside', '../x'],
    ['/abs//x', 'sub', 'outside', '/abs/x'],
    ['../../x', 'sub', 'outside', '../x'],
  ])('%s in %p is %s: %s', (raw, wdir, kind, path) => {
    expect(placePath(raw, wdir as RepoPath)).toEqual({ ok: true, value: { kind, path } });
  });

  it.each(['', 'a\0b', 'C:\\data', 'd:/data'])('refuses %j', (raw) => {
    expect(placePath(raw, '' as RepoPath).ok).toBe(false);
  });
});

describe('isRepoPath', () => {
  it.each(['a', 'a/b.c', '.hidden', 'ü/ñ'])('accepts %s', (path) => expect(isRepoPath(path)).toBe(true));
  it.each(['', '.', '..', '/a', 'a/', './a', 'a/../b', '../a', 'a//b', 'a\\b', 'a\0', 1, null])('refuses %j', (path) =>
    expect(isRepoPath(path)).toBe(false),
  );
});

it('isRepoPath is true exactly where placePath changes nothing', () => {
  const part = fc.constantFrom('a', '.', '..', '', '...', '.b', 'C:', 'c\\d', '\0', 'ü', 'x\ny');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      const text = parts.join('/');
      const placed = placePath(text, '' as RepoPath);
      const same = placed.ok && placed.value.kind === 'inside' && placed.value.path === text && text !== '';
      expect(isRepoPath(text)).toBe(same);
    }),
    { numRuns: 2000 },
  );
});

describe('isWithin and overlaps', () => {
  it('go by whole segments', () => {
    expect(isWithin('repo', 'repo-x')).toBe(false);
    expect(isWithin('repo', 'repo/x')).toBe(true);
    expect(isWithin('', 'anything')).toBe(true);
    expect(overlaps('a/b', 'a')).toBe(true);
    expect(overlaps('a/b', 'a/c')).toBe(false);
  });
});
