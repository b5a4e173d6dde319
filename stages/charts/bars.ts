// One metric of several models as bars, with a tick where the figure of the test split is known. Knows no metric by name.

import type { TopLevelSpec } from 'vega-lite';
import { chartFontSize, pageColour, pageConfig } from './theme.ts';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** As it stands beside the bar. */
  readonly text: string;
  readonly test: number | null;
  /** Drawn in the accent colour. */
  readonly chosen: boolean;
}

/** Names stand in a column of their own, aligned left. Vega guesses widths generously, so the limit is above the width. */
const labelColumn = { labelAlign: 'left', labelPadding: 116, minExtent: 116, maxExtent: 116, labelLimit: 160 } as const;

/** A chart of 190 pixels within its axes, a row for each bar, in the given order. */
export function barsSpec(bars: readonly Bar[]): TopLevelSpec {
  const most = Math.max(...bars.flatMap(({ value, test }) => [value, test ?? 0]));
  const domain: number[] = [0, (most > 0 ? most : 1) * 1.7];
  const y = { field: 'label', type: 'nominal', sort: null } as const;
  const x = {
    type: 'quantitative',
    scale: { domain, nice: false },
    axis: null,
  } as const;
  const chosen = { condition: { test: 'datum.chosen', value: pageColour.accent }, value: pageColour.plain };
  return {
    config: pageConfig,
    width: 190,
    height: { step: 26 },
    data: { values: bars.map((bar) => ({ ...bar, furthest: Math.max(bar.value, bar.test ?? 0) })) },
    encoding: {
      y: {
        ...y,
        scale: { paddingInner: 0.35, paddingOuter: 0.2 },
        axis: { title: null, ...labelColumn, labelColor: pageColour.ink },
      },
    },
    layer: [
      { mark: { type: 'bar', cornerRadiusEnd: 2 }, encoding: { x: { field: 'value', ...x }, color: chosen } },
      {
        transform: [{ filter: 'isValid(datum.test)' }],
        mark: { type: 'tick', thickness: 2, size: 20, color: pageColour.ink },
        encoding: { x: { field: 'test', ...x } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: chartFontSize, color: pageColour.text },
        encoding: { x: { field: 'furthest', ...x }, text: { field: 'text' } },
      },
    ],
  };
}
