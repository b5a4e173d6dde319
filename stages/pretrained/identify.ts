// What the `configure` stage does for weights: the digest of each file that a model starts from goes into its definition, which is thereby one for the
// same content under any name; and each model gets a plan of where its file is to be had.

import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson } from '../config/canonical.ts';
import type { WeightsPlan } from '../config/definition.ts';
import type { NamedModel } from '../config/params.ts';
import { checksumFile } from '../data/digest.ts';

/**
 * The models, with the digests of weights files in their definitions. One that is not there has none: the `weights` stage of its model will say so, and
 * nothing else has to wait.
 * @param root - absolute path of the project
 */
export async function identifyWeights(models: readonly NamedModel[], root: string): Promise<readonly NamedModel[]> {
  return Promise.all(models.map((model) => identify(model, root)));
}

async function identify(model: NamedModel, root: string): Promise<NamedModel> {
  const { definition, weights } = model;
  const { architecture } = definition;
  if (architecture.kind !== 'backbone' || weights?.kind !== 'file') return model;
  const path = join(root, weights.path);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return model;
  const [, sha256] = (await checksumFile(path, null)).split(':') as [string, string];
  return {
    ...model,
    definition: { ...definition, architecture: { ...architecture, weights: { kind: 'file', sha256 } } },
  };
}

/** Writes `<model>.json` for each model into a folder, which is made. */
export function writeWeightsPlans(folder: string, models: readonly NamedModel[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, weights } of models) {
    const plan: WeightsPlan = { version: 1, weights };
    writeFileSync(join(folder, `${name}.json`), canonicalJson(plan));
  }
}
