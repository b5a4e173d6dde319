// Makes every data set that the models of a run need, all in one pass over the source: what is scaled alike is scaled once, and memory holds one
// batch. Data sets lie in `sets/<id>`; beside them a symbolic link for each model leads to its set.
//
// Images stay in the order of the source in every split. Training draws a seeded order of its own for each epoch, so that a stored order would
// decide nothing, and a streamed pass needs no second one.

import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetPlan, Pair, PrepareSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { digestTexts } from './digest.ts';
import type { ImageBatch, ImageSource } from './image-source.ts';
import type { DatasetIndex, DatasetManifest } from './manifest.ts';
import { toGrayscale } from './pixels.ts';
import { SetWriter } from './set-writer.ts';
import { holdOut } from './stratify.ts';
import type { OnProgress } from './fetch.ts';

const setsFolder = 'sets';

/** One data set in the making. */
interface Variant {
  readonly id: string;
  readonly settings: PrepareSettings;
  /** Which of the sizes of the pass is its own. */
  readonly size: number;
  /** Images of the train part that belong to val. */
  readonly held: Uint8Array;
  readonly writer: SetWriter;
}

/**
 * Fills `folder` with all data sets of the plan and the links of its models.
 * @throws StageFailure where the source cannot be read or split, or a model's name cannot be that of a folder
 */
export async function prepareSets(
  plan: DatasetPlan,
  source: ImageSource,
  folder: string,
  onProgress: OnProgress,
): Promise<DatasetIndex> {
  checkNames(plan);
  mkdirSync(join(folder, setsFolder), { recursive: true });
  const manifests = await writeSets(plan, source, folder, onProgress);
  const models: Record<string, DatasetIndex['models'][string]> = {};
  for (const [model, id] of Object.entries(plan.models)) {
    const { name, identity, source: sourceDigest } = manifests.get(id)!;
    linkSet(folder, model, id);
    models[model] = { name, identity, source: sourceDigest };
  }
  return { version: 1, models };
}

/** Names come from a user's file, and become paths. */
function checkNames({ models, variants }: DatasetPlan): void {
  for (const [model, id] of Object.entries(models)) {
    if (!Object.hasOwn(variants, id)) throw new Error(`model "${model}" has the data set "${id}", which the plan lacks`);
    if (/^\.|[/\\]/.test(model) || model === setsFolder)
      throw new StageFailure(`params.yaml: the model name "${model}" cannot be that of a folder beside "${setsFolder}": give it another one`);
  }
}

async function writeSets(
  plan: DatasetPlan,
  source: ImageSource,
  folder: string,
  onProgress: OnProgress,
): Promise<ReadonlyMap<string, DatasetManifest>> {
  const sizes = distinctSizes(Object.values(plan.variants));
  const variants: Variant[] = [];
  try {
    for (const [id, settings] of Object.entries(plan.variants))
      variants.push(await openVariant(id, settings, sizes, source, folder));
    await passImages(variants, sizes, source, onProgress);
  } catch (error) {
    for (const { writer } of variants) writer.abandon();
    throw error;
  }
  const digest = await source.digest();
  const manifests = new Map<string, DatasetManifest>();
  for (const { id, settings, writer } of variants) {
    const identity = await digestTexts(digest, String(settings.seed), String(settings.split));
    manifests.set(id, writer.finish({ identity, source: digest }));
  }
  return manifests;
}

function distinctSizes(settings: readonly PrepareSettings[]): readonly Pair[] {
  return [...new Map(settings.map(({ imageSize }) => [imageSize.join('×'), imageSize])).values()];
}

async function openVariant(
  id: string,
  settings: PrepareSettings,
  sizes: readonly Pair[],
  source: ImageSource,
  folder: string,
): Promise<Variant> {
  const { seed, split, imageSize, grayscale } = settings;
  const held = holdOut(source.labels.train, split, seed, 'val');
  if (!held.includes(1))
    throw new StageFailure('no class has two images to train with, so that none can be kept for validation: add images');
  const writer = await SetWriter.open(join(folder, setsFolder, id), {
    name: source.name,
    classes: source.classes,
    shape: [imageSize[0], imageSize[1], grayscale ? 1 : 3],
    split: { seed, fraction: split },
  });
  const size = sizes.findIndex(([height, width]) => height === imageSize[0] && width === imageSize[1]);
  return { id, settings, size, held, writer };
}

async function passImages(
  variants: readonly Variant[],
  sizes: readonly Pair[],
  source: ImageSource,
  onProgress: OnProgress,
): Promise<void> {
  const total = source.labels.train.length + source.labels.test.length;
  let done = 0;
  for await (const batch of source.batches(sizes)) {
    addBatch(variants, batch, source.labels[batch.part]);
    done += batch.count;
    onProgress(done / total, `${done}/${total} images`);
  }
}

/** Gives the images of a batch to each data set, in the split that each has them in. */
function addBatch(variants: readonly Variant[], batch: ImageBatch, labels: Uint16Array): void {
  const gray = new Map<number, Uint8Array>();
  const grayOf = (size: number): Uint8Array => {
    const known = gray.get(size) ?? toGrayscale(batch.pixels[size]!);
    gray.set(size, known);
    return known;
  };
  for (const { settings, size, held, writer } of variants) {
    const pixels = settings.grayscale ? grayOf(size) : batch.pixels[size]!;
    const bytes = pixels.length / batch.count;
    for (let image = 0; image < batch.count; image++) {
      const index = batch.start + image;
      const split = batch.part === 'test' ? 'test' : held[index] === 1 ? 'val' : 'train';
      writer.add(split, pixels.subarray(image * bytes, (image + 1) * bytes), labels[index]!);
    }
  }
}

/** `<model>` → `sets/<id>`; a copy where links are not allowed (Windows without the right to make them). */
function linkSet(folder: string, model: string, id: string): void {
  try {
    symlinkSync(join(setsFolder, id), join(folder, model), 'dir');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOSYS') throw error;
    cpSync(join(folder, setsFolder, id), join(folder, model), { recursive: true });
  }
}
