// Native TensorFlow, where it is: in node_modules, or in the folder that DAGRUN_TFJS_NODE names (scripts/native-tensorflow.mjs makes one).

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import { describeConformance } from '../conformance.ts';
import type { Engine } from '../engine.ts';
import { openEngine } from '../open.ts';
import { loadNative } from './load.ts';

const loading = loadNative('@tensorflow/tfjs-node');
if (loading.kind === 'failed') console.log(`not run: the tests of native TensorFlow: ${loading.reason}`);
const describeNative = loading.kind === 'loaded' ? describe : describe.skip;

describeNative('native TensorFlow', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('node');
  });
  afterAll(() => engine.close());

  it('says what it is', () => {
    expect(tf.getBackend()).toBe('tensorflow');
    expect(engine.threads).toBe('own');
    expect(engine.info).toEqual({
      name: 'node',
      version: expect.stringMatching(/^tfjs 4\.\d+\.\d+, TensorFlow 2\.\d+\.\d+ \(CPU\)$/),
      notes: ['node was asked for'],
    });
  });

  describeConformance(() => 'tensorflow', 2e-5);
});
