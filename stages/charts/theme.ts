// How charts within the page look: colours are custom properties of the page (stages/page/parts/base.css), so that one SVG serves the light and the
// dark scheme. Not for charts that stand alone: outside the page these colours mean nothing.

import type { TopLevelSpec } from 'vega-lite';

/** Colours by role; each is defined in base.css for both schemes. */
export const pageColour = {
  text: 'var(--muted)',
  ink: 'var(--ink)',
  grid: 'var(--grid)',
  surface: 'var(--surface)',
  accent: 'var(--accent)',
  plain: 'var(--plain)',
  train: 'var(--train)',
} as const;

/** Pixels of a chart's text: a chart may be shrunk to three quarters on a phone and must stay readable. */
export const chartFontSize = 12;

/** Quiet axes: no frame, no ticks, a faint grid. */
export const pageConfig: NonNullable<TopLevelSpec['config']> = {
  background: 'transparent',
  padding: 4,
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    labelPadding: 8,
    labelFontSize: chartFontSize,
    labelColor: pageColour.text,
    titleFontSize: chartFontSize,
    titleFontWeight: 'normal',
    titleColor: pageColour.text,
    titlePadding: 10,
    gridColor: pageColour.grid,
  },
};
