// What the `configure` stage writes: a definition for each model, and which data set each of them needs.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, datasetId, definitionDigest } from './canonical.ts';
import type { DatasetPlan } from './definition.ts';
import type { NamedModel } from './params.ts';

export async function planDatasets(models: readonly NamedModel[]): Promise<DatasetPlan> {
  const planned = await Promise.all(
    models.map(async ({ name, definition }) => ({
      name,
      prepare: definition.prepare,
      id: await datasetId(definition.prepare),
    })),
  );
  return {
    version: 1,
    variants: Object.fromEntries(planned.map(({ id, prepare }) => [id, prepare])),
    models: Object.fromEntries(planned.map(({ name, id }) => [name, id])),
  };
}

/** Writes `<model>.json` for each model into a folder, which is made. */
export async function writeDefinitions(folder: string, models: readonly NamedModel[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, definition } of models) await writeFile(join(folder, `${name}.json`), canonicalJson(definition));
}

/** Names by definition, those first that stand first in the file: more than one where models are the same. */
export async function groupEqual(models: readonly NamedModel[]): Promise<string[][]> {
  const groups = new Map<string, string[]>();
  for (const { name, definition } of models) {
    const digest = await definitionDigest(definition);
    groups.set(digest, [...(groups.get(digest) ?? []), name]);
  }
  return [...groups.values()];
}
