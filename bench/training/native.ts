// Images a second while training: the native engine beside Keras on TensorFlow, on the same cores in turns. See README.md.

import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '15' },
    batch: { type: 'string', default: '128' },
    network: { type: 'string', default: 'plain,bn' },
    engine: { type: 'string', default: 'node' },
    /** A Python with TensorFlow and Keras. */
    python: { type: 'string', default: 'python3' },
  },
});

interface Measured {
  readonly engine: string;
  /** Milliseconds of each step by the clock, and of the processor: the latter hardly depend on what else the machine does. */
  readonly times: readonly number[];
  readonly busy: readonly number[];
}

function measure(command: string, args: readonly string[]): Measured {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
  const output = execFileSync(command, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(output.trim().split('\n').at(-1)!) as Measured;
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const subjects = {
  ours: (network: string, batch: string): Measured =>
    measure(process.execPath, [
      '--import',
      'tsx',
      fileOf('native-step.ts'),
      values.engine,
      network,
      batch,
      values.steps,
    ]),
  keras: (network: string, batch: string): Measured =>
    measure(values.python, [fileOf('keras-step.py'), network, batch, values.steps, 'plain']),
  kerasXla: (network: string, batch: string): Measured =>
    measure(values.python, [fileOf('keras-step.py'), network, batch, values.steps, 'jit']),
};
type Subject = keyof typeof subjects;
const names = Object.keys(subjects) as Subject[];

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** Images a second: the median over the rounds of the medians of their steps, by the clock, in the best step, and by processor time. */
function describe(runs: readonly Measured[], batch: number): string {
  const typical = median(runs.map(({ times }) => (batch * 1000) / median(times)));
  const best = (batch * 1000) / Math.min(...runs.flatMap(({ times }) => times));
  const busy = median(runs.map((run) => (batch * 1000) / median(run.busy)));
  return [typical, best, busy].map((rate) => rate.toFixed(0)).join(' / ');
}

/** How many times as fast as the peer: median over the rounds. */
function ratio(runs: Record<Subject, Measured[]>, peer: Subject, of: 'times' | 'busy'): string {
  return median(runs.ours.map((run, round) => median(runs[peer][round]![of]) / median(run[of]))).toFixed(2);
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'} × ${cpus().length}, Node.js ${process.version}`);
console.log('Images a second: median / best step / by processor time. Ratios: by the clock / by processor time.\n');
console.log('| network | batch | ours | Keras | Keras with XLA | ours : Keras | ours : Keras with XLA |');
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
const engines = new Set<string>();
for (const network of values.network.split(',')) {
  for (const batch of values.batch.split(',')) {
    const runs: Record<Subject, Measured[]> = { ours: [], keras: [], kerasXla: [] };
    for (let round = 0; round < Number(values.rounds); round++)
      for (const name of names) runs[name].push(subjects[name](network, batch));
    names.forEach((name) => engines.add(runs[name][0]!.engine));
    const rates = names.map((name) => describe(runs[name], Number(batch)));
    const ratios = (['keras', 'kerasXla'] as const).map(
      (peer) => `${ratio(runs, peer, 'times')} / ${ratio(runs, peer, 'busy')}`,
    );
    console.log(`| ${[network, batch, ...rates, ...ratios].join(' | ')} |`);
  }
}
console.log(`\n${[...engines].join('; ')}`);
