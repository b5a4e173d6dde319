import { describe, expect, it } from '@jest/globals';
import type { RunSummary } from '../core/event.ts';
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatElapsed,
  formatLimit,
  formatSeconds,
  summaryLine,
} from './format.ts';
import type { SummaryDetails } from './format.ts';

describe('formatSeconds', () => {
  it.each([
    [0, '0.00s'],
    [-1, '0.00s'],
    [NaN, '0.00s'],
    [0.04, '0.04s'],
    [0.994, '0.99s'],
    [0.996, '1.0s'],
    [3.2, '3.2s'],
    [12.34, '12.3s'],
    [59.94, '59.9s'],
    [59.96, '1m 00s'],
    [182, '3m 02s'],
    [3599.4, '59m 59s'],
    [3599.6, '1h 00m'],
    [3840, '1h 04m'],
    [86_399, '1d 0h'],
    [183_600, '2d 3h'],
  ])('%d → %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('formatElapsed', () => {
  it.each([
    [0.9, '0s'],
    [59.99, '59s'],
    [62.9, '1m 02s'],
    [3900, '1h 05m'],
    [-5, '0s'],
  ])('%d → %s', (seconds, text) => {
    expect(formatElapsed(seconds)).toBe(text);
  });
});

describe('formatLimit', () => {
  it.each([
    [0.5, '0.5s'],
    [45, '45s'],
    [90, '1m 30s'],
    [65, '1m 5s'],
    [600, '10m'],
    [1800, '30m'],
    [3600, '1h'],
    [5400, '1h 30m'],
    [36_000, '10h'],
    [172_800, '2d'],
  ])('%d → %s', (seconds, text) => {
    expect(formatLimit(seconds)).toBe(text);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [12_900_000, '12.3 MiB'],
    [361_758_720, '345 MiB'],
    [1024 ** 3 - 1, '1.0 GiB'],
    [1.2 * 1024 ** 3, '1.2 GiB'],
    [5 * 1024 ** 5, '5.0 PiB'],
    [NaN, '0 B'],
  ])('%d → %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatCount', () => {
  it.each([
    [0, '0 stages'],
    [1, '1 stage'],
    [1200, '1,200 stages'],
    [1_234_567, '1,234,567 stages'],
  ])('%d → %s', (count, text) => {
    expect(formatCount(count, 'stage')).toBe(text);
  });

  it('takes an irregular plural', () => {
    expect(formatCount(2, 'entry', 'entries')).toBe('2 entries');
  });
});

describe('formatAgo', () => {
  it.each([
    [5, 'just now'],
    [60, '1 minute ago'],
    [185, '3 minutes ago'],
    [7200, '2 hours ago'],
    [5 * 86_400, '5 days ago'],
    [21 * 86_400, '3 weeks ago'],
  ])('%d → %s', (seconds, text) => {
    expect(formatAgo(seconds)).toBe(text);
  });
});

describe('summaryLine', () => {
  const none: RunSummary = {
    kind: 'summary',
    executed: 0,
    restored: 0,
    skipped: 0,
    failed: 0,
    blocked: 0,
    seconds: 0.04,
    saved: 0,
    dry: false,
  };
  const plain: SummaryDetails = { frozen: 0, dataMissing: 0, unknown: 0, interrupted: false };

  it.each<[Partial<RunSummary>, Partial<SummaryDetails>, string]>([
    [
      { skipped: 4, restored: 2, executed: 1, saved: 760, seconds: 182 },
      {},
      '4 skipped, 2 restored (saved 12m 40s), 1 executed in 3m 02s',
    ],
    [{ skipped: 20 }, {}, 'nothing to do: 20 stages unchanged (0.04s)'],
    [{ skipped: 1 }, {}, 'nothing to do: 1 stage unchanged (0.04s)'],
    [{ skipped: 20 }, { frozen: 2 }, 'nothing to do: 18 stages unchanged, 2 frozen (0.04s)'],
    [{ skipped: 2 }, { frozen: 2 }, 'nothing to do: 2 frozen (0.04s)'],
    [{ skipped: 3 }, { dataMissing: 1 }, 'nothing to do: 2 stages unchanged, 1 without their data (0.04s)'],
    [{}, {}, 'nothing to do: no stages (0.04s)'],
    [{ restored: 2, saved: 0.2, seconds: 1.5 }, {}, '2 restored in 1.5s'],
    [
      { failed: 1, blocked: 3, skipped: 4, executed: 2, seconds: 182 },
      {},
      '1 failed, 3 blocked, 4 skipped, 2 executed in 3m 02s',
    ],
    [{ skipped: 3, seconds: 4 }, { interrupted: true }, 'interrupted after 4.0s: 3 skipped'],
    [{ seconds: 4 }, { interrupted: true }, 'interrupted after 4.0s: nothing done'],
    [{ dry: true, executed: 3, restored: 2, skipped: 4 }, {}, 'would execute 3, restore 2, skip 4'],
    [{ dry: true, restored: 2, saved: 250 }, {}, 'would restore 2 (saved 4m 10s)'],
    [{ dry: true, executed: 1, failed: 1 }, { unknown: 5 }, 'would execute 1, fail 1; 5 unknown until then'],
    [{ dry: true, skipped: 20 }, {}, 'would do nothing: 20 stages unchanged'],
  ])('%j %j → %s', (summary, details, text) => {
    expect(summaryLine({ ...none, ...summary }, { ...plain, ...details })).toBe(text);
  });
});
