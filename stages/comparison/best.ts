// Takes the winner's files out of the cache, checks every byte of them, and lays them out for whoever ships the model. Knows nothing of scores.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import xxhash from 'xxhash-wasm';
import { canonicalJson } from '../config/canonical.ts';
import type { RecordedFile } from '../context/context.ts';
import { StageFailure } from '../context/fail.ts';
import type { ClassDetails } from '../evaluation/result.ts';
import type { EvaluatedModel } from '../selection/history.ts';
import { writeModelCard } from './model-card.ts';
import type { Candidate, Ranking } from '../selection/ranking.ts';

const topologyFile = 'model.json';
const weightsFile = 'weights.bin';
const classesFile = 'classes.json';

export interface BestModel {
  readonly winner: Candidate;
  readonly source: EvaluatedModel;
  readonly ranking: Ranking;
}

/**
 * Writes the folder of the best model: model.json and weights.bin as training left them, definition.json, evaluation.json, classes.json (the names of
 * the outputs; only where the cache still has them) and model-card.md.
 * Throws a StageFailure where files are missing from the cache or damaged; nothing is written then.
 */
export async function writeBest(folder: string, { winner, source, ranking }: BestModel): Promise<void> {
  const label = winner.names.join(' = ');
  const topology = await readVerified(source.folder?.files ?? [], topologyFile, label);
  const weights = await readVerified(source.folder?.files ?? [], weightsFile, label);
  checkWeights(topology, weights, label);
  const classes = await readClasses(source, label);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
  write(topologyFile, topology);
  write(weightsFile, weights);
  write('definition.json', canonicalJson(source.evaluation.definition));
  write('evaluation.json', canonicalJson(source.evaluation));
  if (classes !== undefined) write(classesFile, canonicalJson(classes));
  write(
    'model-card.md',
    writeModelCard({ winner, evaluation: source.evaluation, ranking, hasClasses: classes !== undefined }),
  );
}

/** Writes the folder where no model could be chosen: only a card that says so, and what to change. */
export function writeNoBest(folder: string, { verdict }: Ranking): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model-card.md'), `# No model\n\n${verdict.join('\n\n')}\n`);
}

async function readVerified(files: readonly RecordedFile[], name: string, label: string): Promise<Uint8Array> {
  const file = files.find(({ path }) => path === name);
  const bytes = file === undefined ? undefined : readIfThere(file.object);
  if (file === undefined || bytes === undefined) throw new StageFailure(tellGone(name, label));
  if (!(await isIntact(file.object, bytes)))
    throw new StageFailure(
      `${name} of "${label}", the best model, is damaged in the cache (${file.object}): ` +
        'run `dagrun cache verify --repair`, then `dagrun repro`; what it removes is made anew if params.yaml has the model.',
    );
  return bytes;
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function tellGone(name: string, label: string): string {
  return (
    `"${label}" is the best model for these weights, but its ${name} is no longer in the cache (\`dagrun gc\` removes files, or the cache came without them). ` +
    `To get it back, merge a cache that has it (\`dagrun cache merge DIR\`), or put its definition into params.yaml again and run \`dagrun repro\`, which trains it again. ` +
    `To choose among the others instead, take it out of the history with \`dagrun gc\`, or exclude it by a limit under \`constraints\` in evaluation_metrics.yaml.`
  );
}

/** An object's path ends with the digest of its content, split after two digits: XXH64 under two seeds, 32 hexadecimal digits. */
async function isIntact(object: string, bytes: Uint8Array): Promise<boolean> {
  const api = await xxhash();
  const hex = (seed: bigint): string => api.h64Raw(bytes, seed).toString(16).padStart(16, '0');
  return `${basename(dirname(object))}${basename(object)}` === hex(0n) + hex(0x9e3779b97f4a7c15n);
}

interface Topology {
  readonly weightsManifest: readonly { readonly weights: readonly { readonly shape: readonly number[] }[] }[];
}

/** The two files belong together where the weights are as many float32 numbers as the topology lists. */
function checkWeights(topology: Uint8Array, weights: Uint8Array, label: string): void {
  const { weightsManifest } = JSON.parse(Buffer.from(topology).toString('utf8')) as Topology;
  const shapes = weightsManifest.flatMap((group) => group.weights.map(({ shape }) => shape));
  const expected = 4 * shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (weights.byteLength !== expected)
    throw new StageFailure(
      `${weightsFile} of "${label}", the best model, has ${weights.byteLength} bytes where ${topologyFile} lists ${expected}: train the model again with \`dagrun repro --force\`.`,
    );
}

/** The names of the classes in the order of the outputs, from the details of the evaluation. */
async function readClasses({ run }: EvaluatedModel, label: string): Promise<readonly string[] | undefined> {
  const files = run.outs.flatMap((out) => out.files);
  const file = files.find(({ path }) => path === classesFile);
  if (file === undefined || readIfThere(file.object) === undefined) return undefined;
  const bytes = await readVerified(files, classesFile, label);
  return (JSON.parse(Buffer.from(bytes).toString('utf8')) as ClassDetails).classes;
}
