// Turns a vega-lite spec into SVG, and SVG into PNG, on any machine to the same bytes: text is measured without a canvas, and drawn with the fonts of
// a package instead of those of the system. Knows no chart. Vega is loaded on first use, because it takes longer to load than a chart to draw.

import { createRequire } from 'node:module';
import type * as resvg from '@resvg/resvg-js';
import type * as lite from 'vega-lite';
import { measureText } from './text-width.ts';
import { loadVega } from './vega.ts';

const require = createRequire(import.meta.url);

/** For charts and pages: the font that PNG files are drawn with, then what a browser has instead. */
export const chartFont = 'DejaVu Sans, Verdana, Segoe UI, sans-serif';

/**
 * Draws a chart. Equal specs give equal bytes, and the ids within the SVG are its own, so that several may stand in one page. With a `description` in
 * the spec, the SVG is an image with that text for those who cannot see it.
 * Throws where vega-lite has a warning about the spec: it would draw something else than what is written there.
 */
export async function renderSvg(spec: lite.TopLevelSpec): Promise<string> {
  const { vega, vegaLite } = loadVega();
  (vega as unknown as TextMeasuring).textMetrics.width = measureItem;
  const warnings: string[] = [];
  const { spec: compiled } = vegaLite.compile(spec, {
    config: { font: chartFont },
    logger: collectingLogger(warnings),
  });
  if (warnings.length > 0) throw new Error(`vega-lite about a chart: ${warnings.join('; ')}`);
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  try {
    return withDescription(withOwnIds(await view.toSVG(), JSON.stringify(spec)), spec.description);
  } finally {
    view.finalize();
  }
}

/**
 * Draws an SVG as a PNG.
 * @param width - in pixels; the height follows from the proportions of the SVG
 */
export function svgToPng(svg: string, width: number): Buffer {
  const { Resvg } = require('@resvg/resvg-js') as typeof resvg;
  const fontFiles = [
    require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
    require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
  ];
  const image = new Resvg(svg, {
    fitTo: { mode: 'width', value: width },
    background: 'white',
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}

/** Vega numbers its clip paths and gradients over the whole process; here they are named after the chart and numbered from 0. */
function withOwnIds(svg: string, identity: string): string {
  const names = new Map<string, string>();
  const prefix = shortHash(identity);
  for (const [, id] of svg.matchAll(/ id="([^"]+)"/g)) names.set(id!, `c${prefix}-${String(names.size)}`);
  if (names.size === 0) return svg;
  return svg
    .replaceAll(/ id="([^"]+)"/g, (_, id: string) => ` id="${names.get(id)!}"`)
    .replaceAll(/url\(#([^)]+)\)/g, (whole, id: string) => (names.has(id) ? `url(#${names.get(id)!})` : whole));
}

function withDescription(svg: string, description: string | undefined): string {
  if (description === undefined) return svg;
  const text = description.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return svg.replace('<svg ', () => `<svg role="img" aria-label="${text}" `);
}

/** FNV-1a, 32 bits, in base 36. */
function shortHash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value >>> 0).toString(36);
}

/** What vega knows of a text when it asks for its width; colours and positions left out. */
interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
  /** Pixels at which the text is cut off; 0: nowhere. */
  readonly limit?: number;
}

/** Exported by vega, but not in its types. A function of one's own is provided for, and takes the place of a canvas. */
interface TextMeasuring {
  readonly textMetrics: { width: (item: TextItem, text: string | number | null | undefined) => number };
}

function measureItem({ fontSize = 11, fontWeight, limit = 0 }: TextItem, text?: string | number | null): number {
  const line = String(text ?? '').trim();
  const width = measureText(line, { fontSize, bold: fontWeight === 'bold' || Number(fontWeight) >= 600 });
  return limit > 0 ? Math.min(width, limit) : width;
}

type Logger = NonNullable<NonNullable<Parameters<typeof lite.compile>[1]>['logger']>;

function collectingLogger(warnings: string[]): Logger {
  const collect = (...texts: readonly unknown[]): Logger => {
    warnings.push(texts.map(String).join(' '));
    return logger;
  };
  const ignore = (): Logger => logger;
  const logger = {
    level: () => logger,
    warn: collect,
    error: collect,
    info: ignore,
    debug: ignore,
  } as unknown as Logger;
  return logger;
}
