// Images a second of the whole training step, beside PyTorch and Keras on the same processors: see README.md.

import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './median.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '12' },
    batch: { type: 'string', default: '128' },
    network: { type: 'string', default: 'plain,bn,model1' },
    threads: { type: 'string', default: '2' },
    engine: { type: 'string', default: 'wasm' },
    /** A Python with torch, and one with Keras on TensorFlow; empty: not run. */
    torch: { type: 'string', default: '' },
    keras: { type: 'string', default: '' },
  },
});

interface Measured {
  /** Milliseconds of each step, by the clock and of the processor. */
  readonly times: readonly number[];
  readonly busy: readonly number[];
  readonly version: string;
}

type Measure = (network: string) => Measured;

function run(program: string, args: readonly string[]): Measured {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, DAGRUN_THREADS: values.threads };
  const output = execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output.trim().split('\n').at(-1)!) as Measured;
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const { batch, steps, threads } = values;
const tools = new Map<string, Measure>([
  [
    'dagrun',
    (network) => run(process.execPath, ['--import', 'tsx', fileOf('ours.ts'), network, batch, steps, values.engine]),
  ],
]);
if (values.torch !== '')
  tools.set('PyTorch', (network) =>
    run(values.torch, [fileOf('peers/torch_train.py'), network, batch, steps, threads]),
  );
if (values.keras !== '')
  for (const [name, mode] of [
    ['Keras', 'plain'],
    ['Keras with XLA', 'jit'],
  ] as const)
    tools.set(name, (network) =>
      run(values.keras, [fileOf('peers/keras_train.py'), network, batch, steps, threads, mode]),
    );

const rateOf = (milliseconds: number): number => (Number(batch) * 1000) / milliseconds;

function measureAll(network: string): Map<string, Measured[]> {
  const results = new Map<string, Measured[]>([...tools.keys()].map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [name, measure] of tools) results.get(name)!.push(measure(network));
  return results;
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}, ${threads} threads, batch ${batch}`,
);
console.log('Images a second: median / best step; ratios are medians of the ratios within the rounds.\n');
console.log('| network | tool | images/s | by processor time | dagrun is × (clock) | dagrun is × (processor) |');
console.log('| --- | --- | ---: | ---: | ---: | ---: |');
const versions = new Set<string>();
for (const network of values.network.split(',')) {
  const results = measureAll(network);
  const ours = results.get('dagrun')!;
  for (const [name, runs] of results) {
    runs.forEach(({ version }) => versions.add(`${name}: ${version}`));
    const typical = median(runs.map(({ times }) => rateOf(median(times))));
    const best = rateOf(Math.min(...runs.flatMap(({ times }) => times)));
    const busy = median(runs.map((one) => rateOf(median(one.busy))));
    const ratio = (of: 'times' | 'busy'): string =>
      median(runs.map((one, round) => median(one[of]) / median(ours[round]![of]))).toFixed(2);
    const rates = [`${typical.toFixed(0)} / ${best.toFixed(0)}`, busy.toFixed(0)];
    console.log(`| ${[network, name, ...rates, ratio('times'), ratio('busy')].join(' | ')} |`);
  }
}
console.log(`\n${[...versions].join('\n')}`);
