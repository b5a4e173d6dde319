import { describe, expect, it } from '@jest/globals';
import type { Ranking, SelectionSettings } from '../selection/ranking.ts';
import { selectBest } from '../selection/select.ts';
import { candidateOf, settingsOf } from '../selection/testing.ts';
import { heatmapSpec } from './heatmap.ts';
import { renderSvg } from './render.ts';

function rank(count: number, changes: Partial<SelectionSettings> = {}): Ranking {
  const candidates = Array.from({ length: count }, (_, index) =>
    candidateOf(`m${index}`, { val_acc: 0.2 + index / 100, complexity: 1000 + index }),
  );
  const settings = settingsOf({ val_acc: 2, complexity: 1 }, changes);
  const data = { name: 'synthetic', source: 's', identity: 'i' };
  return selectBest({ candidates, settings, data, otherData: 0, warnings: [] });
}

/** The texts of an SVG, in drawing order. */
function textsOf(svg: string): readonly string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]!);
}

describe('heatmapSpec', () => {
  it('draws a column a model, best first, a row a metric, and the total', async () => {
    const texts = textsOf(await renderSvg(heatmapSpec(rank(2))));
    expect(texts).toEqual(
      expect.arrayContaining(['1. m1', '2. m0', 'val_acc ↑ × 2', 'complexity (parameters) ↓ × 1', 'Total']),
    );
    // m1: 2 × 1 + 1000/1001; m0: 2 × 0.2/0.21 + 1
    expect(texts).toEqual(
      expect.arrayContaining(['21.0%', '2.00', '20.0%', '1.90', '1,001', '1,000', '3.00', '2.90', 'rank 1', 'rank 2']),
    );
    expect(texts.indexOf('1. m1')).toBeLessThan(texts.indexOf('2. m0'));
  });

  it('shows the best twenty of forty, and says so', async () => {
    const svg = await renderSvg(heatmapSpec(rank(40)));
    const texts = textsOf(svg);
    expect(texts.filter((text) => /^\d+\. m/.test(text))).toHaveLength(20);
    expect(texts).toContain('20. m20');
    expect(svg).toContain('The best 20 of 40 models; the others are in the ranking table.');
  });

  it('leaves out who takes no part, and says so', async () => {
    const svg = await renderSvg(heatmapSpec(rank(3, { constraints: { complexity: { max: 1000 } } })));
    expect(textsOf(svg).filter((text) => /^\d+\. m/.test(text))).toEqual(['1. m0']);
    expect(svg).toContain('2 models take no part');
  });

  it('says why it is empty', async () => {
    const svg = await renderSvg(heatmapSpec(rank(3, { constraints: { complexity: { max: 10 } } })));
    expect(svg).toContain('No model can be chosen');
    expect(svg).toContain('complexity: {max: 1000}');
  });

  it('describes itself to those who cannot see it', async () => {
    const svg = await renderSvg(heatmapSpec(rank(2)));
    expect(svg).toContain('Heatmap of 2 of 2 models by val_acc, complexity. Total points: m1 3.00, m0 2.90.');
  });

  it('has white text on the darkest cells alone', async () => {
    const svg = await renderSvg(heatmapSpec(rank(2)));
    const white = [...svg.matchAll(/<text[^>]*fill="white"[^>]*>([^<]*)</g)].map((match) => match[1]);
    expect(white.sort()).toEqual(['1.90', '2.00', '20.0%', '21.0%']);
  });
});
