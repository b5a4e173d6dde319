// Loads vega and vega-lite fast. As modules they are two hundred files, each of which the TypeScript loader of a stage looks at: half a second, twice for every
// changed weight. The packages also come as one file each (for a script element), which take a tenth of that. Knows no charts.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import type * as vega from 'vega';
import type * as vegaLite from 'vega-lite';

const require = createRequire(import.meta.url);

export interface VegaPackages {
  readonly vega: typeof vega;
  readonly vegaLite: typeof vegaLite;
}

let loaded: VegaPackages | undefined;

/** The two packages; loaded by the first call. */
export function loadVega(): VegaPackages {
  if (loaded !== undefined) return loaded;
  const own = runBundle(join(dirname(require.resolve('vega/vega-schema.json')), 'vega.min.js'), {}) as typeof vega;
  const file = join(dirname(require.resolve('vega-lite/vega-lite-schema.json')), 'vega-lite.min.js');
  loaded = { vega: own, vegaLite: runBundle(file, { vega: own }) as typeof vegaLite };
  return loaded;
}

/** Runs a UMD bundle as a CommonJS module would be run, with the given packages to require. */
function runBundle(file: string, packages: Readonly<Record<string, unknown>>): unknown {
  const exports = {};
  const program = compileFunction(readFileSync(file, 'utf8'), ['exports', 'module', 'require'], { filename: file });
  Reflect.apply(program, globalThis, [exports, { exports }, (name: string): unknown => packages[name]]);
  return exports;
}
