import { describe, expect, it } from '@jest/globals';
import { barsSpec } from './bars.ts';
import { curvesSpec } from './curves.ts';
import { placeLabels } from './labels.ts';
import { renderSvg } from './render.ts';
import { findFront, scatterSpec } from './scatter.ts';
import type { ScatterPoint } from './scatter.ts';

const point = (label: string, cost: number, accuracy: number, kind: ScatterPoint['kind'] = 'run'): ScatterPoint => ({
  label,
  cost,
  accuracy,
  kind,
  description: `${label} in words`,
});
const namesOf = (points: readonly ScatterPoint[]): string[] => points.map(({ label }) => label);

describe('findFront', () => {
  it('has the points that nobody beats, by cost', () => {
    const points = [point('dear', 9, 0.9), point('beaten', 5, 0.4), point('cheap', 1, 0.3), point('good', 4, 0.5)];
    expect(namesOf(findFront(points))).toEqual(['cheap', 'good', 'dear']);
  });
  it('keeps twins, drops what costs the same and is worse, and ignores models that are left out', () => {
    const points = [
      point('a', 1, 0.5),
      point('twin', 1, 0.5),
      point('worse', 1, 0.4),
      point('out', 0.5, 0.9, 'excluded'),
    ];
    expect(namesOf(findFront(points))).toEqual(['a', 'twin']);
  });
});

describe('placeLabels', () => {
  const plot = { width: 400, height: 300, fontSize: 12 };
  it('puts a name to the upper left, and elsewhere where that is outside', () => {
    const placed = placeLabels(
      [
        { x: 200, y: 150, text: 'middle' },
        { x: 3, y: 100, text: 'at the edge' },
      ],
      plot,
    );
    expect(placed.map(({ align, dy }) => [align, dy])).toEqual([
      ['right', -13],
      ['left', -13],
    ]);
  });
  it('leaves out names for which there is no room, the later ones', () => {
    const crowd = Array.from({ length: 30 }, (_, index) => ({
      x: 200 + index,
      y: 150,
      text: `model ${String(index)}`,
    }));
    const placed = placeLabels(crowd, plot);
    expect(placed[0]!.text).toBe('model 0');
    expect(placed.length).toBeLessThan(8);
  });
});

describe('charts of the page', () => {
  it('scatter plot: every point with its words, names as text, colours by role', async () => {
    const points = [
      point('<b>x</b>', 1000, 0.3, 'winner'),
      point('y', 2e6, 0.5, 'history'),
      point('z', 5, 0.1, 'excluded'),
    ];
    const svg = await renderSvg(scatterSpec(points, { title: 'Parameters', format: '~s' }));
    expect(svg.match(/in words"/g)).toHaveLength(3);
    expect(svg).toContain('&lt;b&gt;x&lt;/b&gt;');
    expect(svg).not.toContain('<b>');
    expect(svg).toContain('var(--accent)');
    expect(svg).not.toContain('NaN');
  });
  it.each([
    ['one point', [point('a', 10, 0.5)]],
    ['equal points', [point('a', 10, 0.5), point('b', 10, 0.5)]],
    ['cost 0', [point('a', 0, 0), point('b', 0, 1)]],
    ['cost 0 and far more', [point('a', 0, 0.2), point('b', 1e9, 0.3)]],
  ])('scatter plot of %s', async (_, points) => {
    expect(await renderSvg(scatterSpec(points, { title: 'Cost', format: '~g' }))).not.toContain('NaN');
  });

  const epoch = (number: number, loss: number | null) => ({
    epoch: number,
    loss: loss as number,
    acc: 0.5,
    valLoss: 2,
    valAcc: 0.4,
    lr: 0.1,
    seconds: 1,
    imagesPerSecond: 1,
  });
  const engine = { name: 'wasm', version: '', notes: [] } as const;
  it.each([
    ['one epoch', [epoch(1, 2)]],
    ['a loss that is not a number', [epoch(1, 3), epoch(2, null), epoch(3, null)]],
    ['many epochs', Array.from({ length: 200 }, (_, index) => epoch(index + 1, 2))],
  ])('curves of %s', async (_, epochs) => {
    const history = { version: 1, epochs, keptEpoch: 1, stoppedEarly: false, seconds: 1, engine } as const;
    for (const curve of ['loss', 'accuracy'] as const) {
      const svg = await renderSvg(curvesSpec(history, curve));
      expect(svg).not.toContain('NaN');
      expect(svg).toContain('class="background"');
    }
  });

  it('bars: a tick only where the test figure is known', async () => {
    const bar = { label: 'a', value: 0.4, text: '40.0%', test: 0.5, chosen: true };
    const svg = await renderSvg(barsSpec([bar, { ...bar, label: 'b', test: null, chosen: false }]));
    expect(svg.match(/aria-roledescription="tick"/g)).toHaveLength(1);
    expect(svg).toContain('40.0%');
    expect(await renderSvg(barsSpec([{ ...bar, value: 0, test: 0 }]))).not.toContain('NaN');
  });
});
