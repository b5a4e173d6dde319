// Against Keras itself: DAGRUN_KERAS_PYTHON names a Python that has keras, tensorflow and h5py. Takes some minutes.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { execa } from 'execa';

import { backbones } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { catalog } from './catalog.ts';
import { featuresModel, readNumbers, relativeError } from './fixtures/model.ts';
import { kerasLayers } from './part.ts';
import { loadBackboneWeights } from './weights.ts';

const python = process.env['DAGRUN_KERAS_PYTHON'];
if (python === undefined)
  console.log('backbones against Keras: not run (DAGRUN_KERAS_PYTHON names no Python with keras)');
const check = python === undefined ? it.skip : it;

/** The smallest side, and an odd one, where padding differs. */
const sides = [32, 75];
const script = join(import.meta.dirname, '../../test/keras/reference.py');

describe('against Keras', () => {
  beforeAll(async () => {
    await openEngine('wasm');
  });

  check.each(backbones)(
    '%s has its layers, parameters, features and gradients',
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), 'keras-'));
      try {
        await execa(python!, [script, name, folder, ...sides.map(String)]);
        const facts = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8')) as {
          layers: string[];
          parameters: number;
        };
        expect(facts.parameters).toBe(catalog[name].parameters);
        for (const side of sides) {
          const model = featuresModel(name, side);
          expect(kerasLayers(model).map((layer) => layer.name)).toEqual(facts.layers.slice(1));
          const images = tf.tensor(readNumbers(join(folder, `${side}.images`)), [3, side, side, 3]);
          for (const [file, kind] of [
            ['published.h5', 'published'],
            ['own.weights.h5', 'own'],
          ] as const) {
            await loadBackboneWeights(model, join(folder, file));
            const features = (model.predict(images) as tf.Tensor).dataSync();
            const error = relativeError(features, readNumbers(join(folder, `${side}.${kind}`)));
            console.log(`${name}, ${side} pixels, ${kind}: relative error ${error.toExponential(1)}`);
            expect(error).toBeLessThan(1e-5);
          }
          const error = gradientError(model, images, readNumbers(join(folder, `${side}.gradients`)));
          console.log(`${name}, ${side} pixels, gradients: relative error ${error.toExponential(1)}`);
          expect(error).toBeLessThan(1e-3);
          tf.dispose(images);
          model.dispose();
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    600_000,
  );
});

/** Norm of the difference as a part of the norm, for the gradient of the features' sum of squares in inference mode. */
function gradientError(model: ReturnType<typeof featuresModel>, images: tf.Tensor, wanted: Float32Array): number {
  const weights = kerasLayers(model).flatMap((layer) => layer.trainableWeights);
  const variables = weights.map((weight) => {
    const variable = weight.read();
    if (!(variable instanceof tf.Variable)) throw new Error(`${weight.originalName} is not a variable`);
    return variable;
  });
  const loss = (): tf.Scalar => tf.sum(tf.square(model.apply(images, { training: false }) as tf.Tensor));
  const { value, grads } = tf.variableGrads(loss, variables);
  let [at, difference, norm] = [0, 0, 0];
  for (const { name } of variables) {
    for (const found of grads[name]!.dataSync()) {
      difference += (found - wanted[at]!) ** 2;
      norm += wanted[at]! ** 2;
      at++;
    }
  }
  tf.dispose([value, grads]);
  expect(at).toBe(wanted.length);
  return Math.sqrt(difference / norm);
}
