// What the runner tells a stage: paths, parameters and history (docs/context.md).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function readContext() {
  const path = process.env.DAGRUN_CONTEXT;
  if (path === undefined) throw new Error('run this stage with dagrun: it needs DAGRUN_CONTEXT');
  const context = JSON.parse(readFileSync(path, 'utf8'));
  const absolute = (item) => join(context.root, item.path);
  return {
    ...context,
    depPaths: context.deps.map(absolute),
    outPaths: context.outs.map(absolute),
    params: Object.values(context.params['params.yaml'] ?? {}),
  };
}

/** @param {number} fraction between 0 and 1 */
export function reportProgress(fraction, text) {
  console.log(`::progress ${fraction.toFixed(3)} ${text}`);
}
