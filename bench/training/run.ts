// Images a second while training, our engine beside the stock wasm backend of TensorFlow.js: see README.md.

import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './median.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '7' },
    batch: { type: 'string', default: '64,128' },
    network: { type: 'string', default: 'plain,bn' },
  },
});

interface Measured {
  /** Milliseconds of each step by the clock, and of the processor: the latter hardly depend on what else the machine does. */
  readonly times: readonly number[];
  readonly busy: readonly number[];
  readonly loss: number;
}

function measure(engine: string, network: string, batch: string): Measured {
  const file = fileURLToPath(new URL('step.ts', import.meta.url));
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
  const args = ['--import', 'tsx', file, engine, network, batch, values.steps];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output) as Measured;
}

/** Images a second: the median over the rounds of the medians of their steps, by the clock, in its best step, and by processor time. */
function describe(runs: readonly Measured[], batch: number): string {
  const typical = median(runs.map(({ times }) => (batch * 1000) / median(times)));
  const best = (batch * 1000) / Math.min(...runs.flatMap(({ times }) => times));
  const busy = median(runs.map((run) => (batch * 1000) / median(run.busy)));
  return [typical, best, busy].map((rate) => rate.toFixed(0)).join(' / ');
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}, one thread`);
console.log('Images a second: median / best step / by processor time.\n');
console.log('| network | batch | stock | ours | ratio (clock) | ratio (processor) |');
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
for (const network of values.network.split(',')) {
  for (const batch of values.batch.split(',')) {
    const stock: Measured[] = [];
    const ours: Measured[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      stock.push(measure('stock', network, batch));
      ours.push(measure('ours', network, batch));
    }
    const ratio = (of: 'times' | 'busy'): string =>
      median(stock.map((run, round) => median(run[of]) / median(ours[round]![of]))).toFixed(2);
    const cells = [network, batch, describe(stock, Number(batch)), describe(ours, Number(batch))];
    console.log(`| ${[...cells, ratio('times'), ratio('busy')].join(' | ')} |`);
  }
}
