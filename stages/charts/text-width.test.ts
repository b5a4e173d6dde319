import { describe, expect, it } from '@jest/globals';
import { measureText } from './text-width.ts';

describe('measureText', () => {
  const plain = { fontSize: 10, bold: false };
  it('adds up characters of different widths', () => {
    expect(measureText('', plain)).toBe(0);
    expect(measureText('ii', plain)).toBeCloseTo(6.4);
    expect(measureText('mi', plain)).toBeCloseTo(13);
    expect(measureText('語', plain)).toBe(10);
    expect(measureText('ab', { fontSize: 20, bold: false })).toBeCloseTo(2 * measureText('ab', plain));
    expect(measureText('ab', { fontSize: 10, bold: true })).toBeGreaterThan(measureText('ab', plain));
  });

  // Advance widths of DejaVu Sans, in em.
  it.each([
    ['mean_predictions_time (ms/image)', 17.68],
    ['val_acc', 3.69],
    ['515,876 parameters', 10.25],
    ['Weighted comparison of the models', 18.08],
  ])('is near the truth for %j', (text, em) => {
    expect(measureText(text, plain) / (10 * em)).toBeGreaterThan(1);
    expect(measureText(text, plain) / (10 * em)).toBeLessThan(1.08);
  });
});
