// Writes what an evaluation gives into the stage's outs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson } from '../config/canonical.ts';
import type { ImageShape } from '../model/logits.ts';
import { choosePreview, pictureFile, pictureName, previewSize, writePicture } from './preview.ts';
import type { ClassDetails, Evaluation, Preview } from './result.ts';
import type { LabelledImages } from './split.ts';
import type { Tally } from './tally.ts';

/** Largest evaluation.json that is indented, in characters. */
const readable = 300_000;

/** Writes evaluation.json: indented, unless many epochs or layers make it large; then in one line. The history takes no metrics file above 1 MiB. */
export function writeSummary(file: string, evaluation: Evaluation): void {
  const indented = canonicalJson(evaluation);
  writeFileSync(file, indented.length <= readable ? indented : `${JSON.stringify(JSON.parse(indented))}\n`);
}

/** Writes classes.json into a folder, in one line: the matrix of 100 classes has 10,000 numbers. */
export function writeDetails(folder: string, details: ClassDetails): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'classes.json'), `${JSON.stringify(details)}\n`);
}

export interface PreviewInput {
  readonly classes: readonly string[];
  readonly shape: ImageShape;
  readonly split: LabelledImages;
  readonly tally: Tally;
}

/** Writes preview.json and its pictures into a folder. */
export async function writePreview(folder: string, input: PreviewInput): Promise<void> {
  const { classes, shape, split, tally } = input;
  mkdirSync(folder, { recursive: true });
  const correct = Array.from(split.labels, (label, index) => tally.predicted[index] === label);
  const chosen = choosePreview(correct, previewSize);
  const pixels = shape[0] * shape[1] * shape[2];
  for (const [place, index] of chosen.entries()) {
    const picture = split.images.subarray(index * pixels, (index + 1) * pixels);
    await writePicture(picture, shape, pictureFile(folder, place));
  }
  const preview: Preview = {
    version: 1,
    images: chosen.map((index, place) => ({
      file: pictureName(place),
      truth: classes[split.labels[index]!]!,
      predicted: classes[tally.predicted[index]!]!,
      confidence: tally.confidence[index]!,
      correct: correct[index]!,
    })),
  };
  writeFileSync(join(folder, 'preview.json'), canonicalJson(preview));
}
