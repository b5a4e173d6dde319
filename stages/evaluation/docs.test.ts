import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { blockBytes } from '../latency/blocks.ts';
import { largeBatch } from '../latency/contestant.ts';
import { metricNames } from '../selection/ranking.ts';
import { calibrationBins } from './calibration.ts';
import { previewSize } from './preview.ts';

const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

describe('docs/metrics.md', () => {
  it('defines every metric, once', () => {
    for (const name of metricNames)
      expect([name, text.split('\n').filter((line) => line.startsWith(`| \`${name}\` `)).length]).toEqual([name, 1]);
  });

  it('has the numbers of the code', () => {
    expect(text).toContain(`${calibrationBins} bins of equal width`);
    expect(text).toContain(`in batches of ${largeBatch}`);
    expect(text).toContain(`Up to ${blockBytes / 2 ** 20} MiB of weights`);
    expect(previewSize).toEqual({ images: 12, ofEach: 3 });
    expect(text).toContain('The twelve pictures');
  });
});
