// WebGPU on whatever adapter there is; a software one will do. Mesa's lavapipe from version 25 on is one.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import { describeConformance } from '../conformance.ts';
import type { Engine } from '../engine.ts';
import { openEngine } from '../open.ts';
import { findAdapter, isSoftware } from './adapter.ts';

const finding = await findAdapter();
if (finding.kind === 'none') console.log(`not run: the tests of WebGPU: ${finding.reason}`);
const describeWebgpu = finding.kind === 'found' ? describe : describe.skip;

describeWebgpu('WebGPU', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('webgpu');
  });
  afterAll(() => engine.close());

  it('says what it is', () => {
    expect(tf.getBackend()).toBe('webgpu');
    expect(engine.threads).toBe('own');
    expect(engine.info).toMatchObject({ name: 'webgpu', device: expect.stringMatching(/./) });
    expect(engine.info.version).toMatch(/^tfjs 4\.\d+\.\d+, WebGPU \(Dawn/);
  });

  describeConformance(() => 'webgpu', 1e-4);
});

describe('isSoftware', () => {
  const adapter = (description: string, more = {}) => ({
    info: { vendor: '', architecture: '', description, ...more },
  });
  it.each(['llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)', 'SwiftShader Device', 'Microsoft Basic Render Driver'])(
    '%s',
    (name) => {
      expect(isSoftware(adapter(name))).toBe(true);
    },
  );
  it('is not a GPU, unless the adapter says it is a fallback', () => {
    expect(isSoftware(adapter('NVIDIA H200: 570.86.15'))).toBe(false);
    expect(isSoftware(adapter('NVIDIA H200: 570.86.15', { isFallbackAdapter: true }))).toBe(true);
  });
});
