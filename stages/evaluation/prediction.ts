// A model's logits for the images of a split, computed by a team of threads: batches are taken by whoever is free, and what an image gives does not depend
// on who predicts it. Also the program of the threads that do not lead (startMember). Needs an open engine; knows nothing of labels or metrics.

import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { openEngine } from '../engine/open.ts';
import { batchSizeFor, batchSizeOf } from '../model/capacity.ts';
import { folderSource, loadModel } from '../model/files.ts';
import { predictLogits, type ImageShape } from '../model/logits.ts';
import type { Signals } from '../threads/signals.ts';
import type { StartMember } from '../threads/member.ts';
import { countThreads, openTeam, shareCores, type Team } from '../threads/team.ts';

/** Throws a StageFailure unless the model takes images of this shape and gives one logit for each class. */
export function checkModel(model: tfl.LayersModel, shape: ImageShape, classes: number): void {
  const input = model.inputs.map((tensor) => tensor.shape.slice(1).join('×')).join(' and ');
  if (input !== shape.join('×'))
    throw new StageFailure(`the model takes images of ${input}, the data has ${shape.join('×')}: train it again`);
  const output = model.outputs.map((tensor) => tensor.shape.slice(1).join('×')).join(' and ');
  if (output !== String(classes))
    throw new StageFailure(
      `the model gives ${output} logits, the data has ${classes} classes: set output_classes: ${classes} in params.yaml`,
    );
}

/** Images to predict, in memory that all threads see, and where their logits go. */
interface Job {
  /** [n, h, w, c], uint8. */
  readonly images: Uint8Array;
  readonly shape: ImageShape;
  /** [n, classes] */
  readonly logits: Float32Array;
  readonly count: number;
}

/** Counters of the team: batches taken, and batches done. */
const takenCounter = 0;
const doneCounter = 1;

/** Starts the threads that predict with the model of a folder, and does not wait for them. */
export function openPredictors(
  folder: string,
  { name }: Pick<EngineInfo, 'name'>,
  images: number,
  [height, width]: ImageShape,
): Team {
  // At least: a model that enlarges its images takes fewer at a time.
  const batches = Math.ceil(images / batchSizeOf(height * width));
  const threads = name === 'wasm' ? countThreads(batches) : 1;
  const program = new URL('./prediction.ts', import.meta.url).href;
  return openTeam({ threads, program, data: folder, ...(threads === 1 ? {} : shareCores()) });
}

export interface PredictionTask {
  /** The model of this thread. */
  readonly model: tfl.LayersModel;
  /** [n, h, w, c], uint8; shared with the other threads where there are any. */
  readonly images: Uint8Array;
  readonly shape: ImageShape;
  readonly classes: number;
  readonly count: number;
  readonly team: Team;
  /** Called now and then with how many images are done, and at the end. */
  readonly onProgress: (images: number) => void;
}

/** The logits [n, classes] of all images, in their order. */
export async function predictAll(task: PredictionTask): Promise<Float32Array> {
  const { model, images, shape, classes, count, team, onProgress } = task;
  const job: Job = { images, shape, count, logits: new Float32Array(new SharedArrayBuffer(4 * count * classes)) };
  const size = batchSizeFor(model);
  let told = 0;
  const tell = (done: number): void => {
    if (done > told) onProgress(done);
    told = done;
  };
  for (const counter of [takenCounter, doneCounter]) team.signals.reset(counter);
  await team.run(job, () =>
    predictBatches(model, job, team.signals, () => tell(Math.min(count, team.signals.read(doneCounter) * size))),
  );
  tell(count);
  return job.logits;
}

/** Predicts batches until none is left. */
async function predictBatches(model: tfl.LayersModel, job: Job, signals: Signals, onBatch: () => void): Promise<void> {
  const { images, shape, logits, count } = job;
  const size = batchSizeFor(model);
  const pixels = shape[0] * shape[1] * shape[2];
  const classes = logits.length / count;
  for (;;) {
    const batch = signals.claim(takenCounter, Math.ceil(count / size));
    if (batch === null) return;
    const start = batch * size;
    const values = await predictLogits(model, images.subarray(start * pixels, (start + size) * pixels), shape);
    logits.set(values, start * classes);
    signals.add(doneCounter);
    onBatch();
  }
}

/** The program of a thread that does not lead. */
export const startMember: StartMember = async (folder, signals) => {
  await openEngine('wasm');
  const model = await loadModel(folderSource(folder as string));
  return async (job) => predictBatches(model, job as Job, signals, () => undefined);
};
