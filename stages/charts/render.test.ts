import { describe, expect, it } from '@jest/globals';
import type { TopLevelSpec } from 'vega-lite';
import { renderSvg, svgToPng } from './render.ts';

const bars = (title: string): TopLevelSpec => ({
  title,
  width: 120,
  height: 80,
  data: {
    values: [
      { name: 'a', size: 1 },
      { name: 'b', size: 3 },
    ],
  },
  mark: { type: 'bar', clip: true },
  encoding: { x: { field: 'name', type: 'nominal' }, y: { field: 'size', type: 'quantitative' } },
});

describe('renderSvg', () => {
  it('gives the same bytes for the same spec, whatever was drawn before', async () => {
    const first = await renderSvg(bars('Sizes'));
    const other = await renderSvg(bars('Other sizes'));
    const again = await renderSvg(bars('Sizes'));
    expect(first).toMatch(/^<svg[^]*Sizes[^]*<\/svg>$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('gives two charts ids that do not clash in one page, and keeps the references to them', async () => {
    const ids = (svg: string): string[] => [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!);
    const references = (svg: string): string[] => [...svg.matchAll(/url\(#([^)]+)\)/g)].map((match) => match[1]!);
    const [first, second] = await Promise.all([renderSvg(bars('One')), renderSvg(bars('Two'))]);
    expect(ids(first)).not.toHaveLength(0);
    expect(ids(first).filter((id) => ids(second).includes(id))).toEqual([]);
    expect([...new Set(references(first))]).toEqual(ids(first));
  });

  it('carries the description for those who cannot see the chart', async () => {
    const svg = await renderSvg({ ...bars('Sizes'), description: 'b is "larger" than a & c < d' });
    expect(svg).toMatch(/^<svg role="img" aria-label="b is &quot;larger&quot; than a &amp; c &lt; d" /);
    expect(await renderSvg(bars('Sizes'))).toMatch(/^<svg xmlns/);
  });

  it('refuses a spec of which vega-lite would leave something out', async () => {
    const spec = { ...bars('Sizes'), mark: { type: 'bar' }, encoding: { angle: { field: 'size' } } } as TopLevelSpec;
    await expect(renderSvg(spec)).rejects.toThrow(/vega-lite about a chart: .*angle/);
  });
});

describe('svgToPng', () => {
  it('draws text with the fonts of the package, as wide as asked for', () => {
    const svg = (text: string): string =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50"><text x="5" y="30" font-family="Nowhere">${text}</text></svg>`;
    const png = svgToPng(svg('Accuracy'), 200);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([200, 100]);
    expect(png.length).toBeGreaterThan(svgToPng(svg(''), 200).length + 300);
  });
});
