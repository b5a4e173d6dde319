// Accuracy against a cost, with the Pareto front of just these two: the models that nobody beats on one without losing on the other.

import type { TopLevelSpec } from 'vega-lite';
import { placeLabels } from './labels.ts';
import { chartFontSize, pageColour, pageConfig } from './theme.ts';

export interface ScatterPoint {
  readonly label: string;
  readonly cost: number;
  readonly accuracy: number;
  readonly kind: 'winner' | 'run' | 'history' | 'excluded';
  /** All of it in words: for the tooltip, and for those who do not see the chart. */
  readonly description: string;
}

export interface CostAxis {
  readonly title: string;
  /** A number format of d3: `~s` gives 1.2M, `~g` plain numbers. */
  readonly format: string;
}

/** From this factor between the dearest and the cheapest model on, the cost axis is logarithmic. */
const wide = 8;
const plot = { width: 520, height: 320, fontSize: chartFontSize };

/** The points that no other one beats: none has less cost and at least the accuracy, or more accuracy at no more cost. By cost. Left-out models don't count. */
export function findFront(points: readonly ScatterPoint[]): ScatterPoint[] {
  const front: ScatterPoint[] = [];
  const eligible = points.filter(({ kind }) => kind !== 'excluded');
  for (const point of eligible.sort((a, b) => a.cost - b.cost || b.accuracy - a.accuracy)) {
    const best = front.at(-1);
    const twin = best?.cost === point.cost && best.accuracy === point.accuracy;
    if (best === undefined || point.accuracy > best.accuracy || twin) front.push(point);
  }
  return front;
}

/** A chart of 520 × 320 pixels within its axes. Names stand beside the points as far as there is room: winner, front, then the others in the given order. */
export function scatterSpec(points: readonly ScatterPoint[], axis: CostAxis): TopLevelSpec {
  const scales = chooseScales(points);
  const front = findFront(points);
  const colour = {
    condition: [
      { test: "datum.kind === 'winner'", value: pageColour.accent },
      { test: "datum.kind === 'excluded'", value: pageColour.surface },
    ],
    value: pageColour.plain,
  };
  const x = {
    field: 'cost',
    type: 'quantitative',
    scale: { domain: scales.cost, nice: false, ...(scales.logarithmic ? { type: 'log' as const } : { zero: false }) },
    axis: {
      title: axis.title,
      format: axis.format,
      labelOverlap: true,
      ...(scales.logarithmic ? { values: chooseTicks(scales.cost) } : { tickCount: 5 }),
    },
  } as const;
  const y = {
    field: 'accuracy',
    type: 'quantitative',
    scale: { domain: scales.accuracy, nice: false, zero: false },
    axis: { title: 'Accuracy (validation)', format: '.0%', tickCount: 6 },
  } as const;
  return {
    config: pageConfig,
    width: plot.width,
    height: plot.height,
    layer: [
      {
        data: { values: front.map(({ cost, accuracy }) => ({ cost, accuracy })) },
        mark: { type: 'line', interpolate: 'step-after', color: pageColour.accent, strokeDash: [4, 4], opacity: 0.7 },
        encoding: { x, y },
      },
      {
        data: { values: [...points] },
        mark: { type: 'point', filled: true, opacity: 1, strokeWidth: 1.5 },
        encoding: {
          x,
          y,
          fill: colour,
          stroke: {
            condition: { test: "datum.kind === 'winner'", value: pageColour.accent },
            value: pageColour.plain,
          },
          size: { condition: { test: "datum.kind === 'winner'", value: 150 }, value: 90 },
          shape: { condition: { test: "datum.kind === 'history'", value: 'diamond' }, value: 'circle' },
          description: { field: 'description' },
        },
      },
      ...labelLayers(points, front, scales).map((layer) => ({ ...layer, encoding: { ...layer.encoding, x, y } })),
    ],
  };
}

interface Scales {
  readonly logarithmic: boolean;
  readonly cost: [number, number];
  readonly accuracy: [number, number];
}

function chooseScales(points: readonly ScatterPoint[]): Scales {
  const costs = points.map(({ cost }) => cost);
  const accuracies = points.map(({ accuracy }) => accuracy);
  const [cheapest, dearest] = [Math.min(...costs), Math.max(...costs)];
  const [worst, best] = [Math.min(...accuracies), Math.max(...accuracies)];
  const logarithmic = cheapest > 0 && dearest / cheapest > wide;
  const costMargin = (dearest - cheapest || dearest || 1) * 0.12;
  const factor = (dearest / cheapest) ** 0.1;
  const margin = Math.max(0.01, (best - worst) * 0.15);
  return {
    logarithmic,
    cost: logarithmic
      ? [cheapest / factor, dearest * factor]
      : [Math.max(0, cheapest - costMargin), dearest + costMargin],
    accuracy: [Math.max(0, worst - margin), Math.min(1, best + margin)],
  };
}

/** Few round numbers of a logarithmic axis. */
function chooseTicks([least, most]: readonly [number, number]): number[] {
  const decades = Math.log10(most / least);
  const mantissas = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let exponent = Math.floor(Math.log10(least)); exponent <= Math.log10(most); exponent++)
    for (const mantissa of mantissas) ticks.push(Number(`${mantissa}e${exponent}`));
  return ticks.filter((tick) => tick >= least && tick <= most);
}

/** One layer for each placement, because vega-lite has offsets for a whole layer only. */
function labelLayers(points: readonly ScatterPoint[], front: readonly ScatterPoint[], scales: Scales) {
  const prominence = (point: ScatterPoint): number => (point.kind === 'winner' ? 0 : front.includes(point) ? 1 : 2);
  const inOrder = [...points].sort((a, b) => prominence(a) - prominence(b));
  const located = inOrder.map((point) => ({ ...point, ...locate(point, scales), text: shorten(point.label) }));
  const layers = new Map<
    string,
    { values: ScatterPoint[]; side: { dx: number; dy: number; align: 'left' | 'right' } }
  >();
  for (const { dx, dy, align, x, y, text } of placeLabels(located, plot)) {
    const key = `${String(dx)} ${String(dy)}`;
    const layer = layers.get(key) ?? { values: [], side: { dx, dy, align } };
    const point = located.find((other) => other.x === x && other.y === y && other.text === text)!;
    layer.values.push({ ...point, label: text });
    layers.set(key, layer);
  }
  return [...layers.values()].map(({ values, side }) => ({
    data: { values: values.map(({ label, cost, accuracy }) => ({ label, cost, accuracy })) },
    mark: {
      type: 'text' as const,
      baseline: 'middle' as const,
      fontSize: chartFontSize,
      color: pageColour.ink,
      ...side,
    },
    encoding: { text: { field: 'label' } },
  }));
}

function locate({ cost, accuracy }: ScatterPoint, scales: Scales): { readonly x: number; readonly y: number } {
  const position = scales.logarithmic ? Math.log : (value: number): number => value;
  const [left, right] = scales.cost.map(position) as [number, number];
  const [bottom, top] = scales.accuracy;
  return {
    x: ((position(cost) - left) / (right - left)) * plot.width,
    y: (1 - (accuracy - bottom) / (top - bottom)) * plot.height,
  };
}

function shorten(label: string): string {
  return label.length > 28 ? `${label.slice(0, 27)}…` : label;
}
