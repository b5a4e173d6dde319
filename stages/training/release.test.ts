import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { Frozen } from '../config/definition.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { setFrozen } from '../model/freezing.ts';
import { randomOf } from '../random/random.ts';
import { seedDropout } from './dropout.ts';
import { releaseFrozen } from './release.ts';
import { computeStep, parametersOf } from './step.ts';

const random = randomOf(1, 'release');
const batch = {
  images: Float32Array.from({ length: 4 * 32 * 32 * 3 }, () => random.integer(256)),
  labels: Uint16Array.from([0, 1, 2, 1]),
};

/** A network with gates, shortcuts and dropout, all of which read what something else reads too. */
function build(): tfl.LayersModel {
  const architecture = { name: 'EfficientNetB0', classes: 3, weights: null, frozen: 0, fineTuning: null } as const;
  const options = { inputShape: [32, 32, 3], scale: 1, offset: 0, seed: 1 } as const;
  const model = buildModel({ ...architecture, kind: 'backbone', inputSize: null }, options);
  seedDropout(model, 1).set(3, 0);
  return model;
}

/** A digest of what a step gives, and how much lies in memory at the end of its way forward. */
async function step(model: tfl.LayersModel): Promise<{ readonly digest: string; readonly bytes: number }> {
  const before = tf.memory().numBytes;
  const last = model.layers.at(-1)!;
  const call = last.call.bind(last);
  let bytes = 0;
  last.call = (inputs, kwargs) => {
    bytes = tf.memory().numBytes - before;
    return call(inputs, kwargs);
  };
  const { gradients, loss, logits } = computeStep(model, parametersOf(model), batch, { labelSmoothing: 0 });
  Reflect.deleteProperty(last, 'call');
  const hash = createHash('sha256');
  for (const tensor of [...gradients, loss, logits]) hash.update(await tensor.data<'float32'>());
  tf.dispose([...gradients, loss, logits]);
  expect(tf.memory().numBytes).toBe(before);
  return { digest: hash.digest('hex'), bytes };
}

describe('releaseFrozen', () => {
  let engine: Engine;
  let model: tfl.LayersModel;
  beforeAll(async () => {
    engine = await openEngine('wasm');
    model = build();
  });
  afterAll(() => {
    model.dispose();
    engine.close();
  });

  it('gives the same bits in less memory, whatever is frozen, and follows what is', async () => {
    const cases: readonly (readonly [Frozen, number])[] = [
      ['all', 0.3],
      [150, 0.95],
      [0, 1],
    ];
    // In this order: what is frozen works with statistics that later cases move.
    for (const [frozen, share] of cases) {
      const releaser = releaseFrozen(model);
      setFrozen(model, frozen);
      releaser.update();
      const released = [await step(model), await step(model)];
      releaser.dispose();
      const kept = await step(model);
      for (const { digest, bytes } of released) {
        expect(digest).toBe(kept.digest);
        expect(bytes / kept.bytes).toBeLessThanOrEqual(share);
      }
    }
  });
});
