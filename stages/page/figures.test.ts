import { describe, expect, it } from '@jest/globals';
import { metricNames } from '../selection/ranking.ts';
import {
  formatBytes,
  formatCount,
  formatDecimal,
  formatDuration,
  formatInstant,
  formatLarge,
  formatMilliseconds,
  formatShape,
  formatShare,
  metricStyles,
} from './figures.ts';

describe('figures', () => {
  it.each([
    [formatShare(0.3503), '35.0%'],
    [formatShare(1), '100.0%'],
    [formatCount(515876), '515,876'],
    [formatCount(999), '999'],
    [formatCount(1234567.4), '1,234,567'],
    [formatLarge(25_300_000), '25.3 M'],
    [formatLarge(999_999), '1.00 M'],
    [formatLarge(512), '512'],
    [formatLarge(0), '0'],
    [formatBytes(2_063_504), '2.06 MB'],
    [formatBytes(12), '12 B'],
    [formatMilliseconds(0.23149), '0.231 ms'],
    [formatMilliseconds(12.345), '12.3 ms'],
    [formatMilliseconds(1234.5), '1235 ms'],
    [formatMilliseconds(0), '0 ms'],
    [formatMilliseconds(0.00001234), '1.23e-5 ms'],
    [formatDecimal(2.30258), '2.303'],
    [formatDuration(4.2), '4.20 s'],
    [formatDuration(99), '99.0 s'],
    [formatDuration(600), '10 min'],
    [formatDuration(7500), '2 h 5 min'],
    [formatInstant('2026-01-02T03:04:05.678Z'), '2026-01-02 03:04 UTC'],
    [formatInstant('yesterday'), 'yesterday'],
    [formatShape([32, 32, 3]), '32 × 32 × 3'],
  ])('%s', (text, expected) => expect(text).toBe(expected));

  it('has a dash for what is not known, in every metric', () => {
    for (const name of metricNames)
      for (const unknown of [null, undefined, Number.NaN]) expect(metricStyles[name].format(unknown)).toBe('–');
  });
});
