// What was found, for a terminal. Pure.

import { describeEngine } from '../engine/engine.ts';
import type { Examination } from './examine.ts';

export function writeReport({ machine, engines, auto }: Examination): string {
  const { node, system, processor, cores, memory } = machine;
  const gibibytes = (memory / 2 ** 30).toFixed(1);
  const rows = engines.map((engine) =>
    engine.works
      ? [engine.name, 'works', rateOf(engine.imagesPerSecond), describeEngine(engine.info).replace(/^\S+: /, '')]
      : [engine.name, 'no', '–', engine.reason],
  );
  return [
    `Node.js ${node} on ${system}; ${processor}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${gibibytes} GiB of memory`,
    '',
    ...align([['engine', '', 'images/s', ''], ...rows]),
    '',
    auto === null ? 'No engine works: nothing can be trained here.' : `engine: auto takes ${auto}.`,
    'images/s: training a small convolutional network ("plain" of bench/training) on batches of 128, here and now.',
    '',
  ].join('\n');
}

function rateOf(imagesPerSecond: number | null): string {
  return imagesPerSecond === null ? '–' : imagesPerSecond.toFixed(0);
}

/** Columns as wide as their widest cell; the third one, of numbers, to the right. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([name, works, rate, what]) =>
    `${name!.padEnd(widths[0]!)}  ${works!.padEnd(widths[1]!)}  ${rate!.padStart(widths[2]!)}  ${what!}`.trimEnd(),
  );
}
