// Whether a glob dep can match anything at, inside or around an out. Errs towards yes: a missed edge would run stages out of order.

const cache = new Map<string, RegExp | null>();

/** `*` and `?` as usual; what else a glob may hold (`[…]`, `{…}`, `(…)`) is taken to match anything within its segment. */
function segmentPattern(segment: string): RegExp | null {
  const known = cache.get(segment);
  if (known !== undefined) return known;
  const pattern = segment === '**' ? null : compile(segment);
  cache.set(segment, pattern);
  return pattern;
}

function compile(segment: string): RegExp {
  if (/[[\]{}()!+@|\\]/.test(segment)) return /^.*$/su;
  const source = segment.replace(/[.^$]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}

/** True where `out` matches the pattern, is a folder in which something could match, or lies inside something that matches. */
export function mayMatch(pattern: string, out: string): boolean {
  const patternSegments = pattern.split('/');
  const outSegments = out.split('/');
  for (const [depth, segment] of patternSegments.entries()) {
    const expected = segmentPattern(segment);
    if (expected === null) return true;
    const actual = outSegments[depth];
    if (actual === undefined) return true;
    if (!expected.test(actual)) return false;
  }
  return patternSegments.length >= outSegments.length;
}
