import { describe, expect, it } from '@jest/globals';
import * as tfl from '@tensorflow/tfjs-layers';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { countParameters, layerCosts } from './cost.ts';
import { conv, dense, maxPool, originalModel1, output } from './fixture.ts';

await openEngine('wasm');

const options = { inputShape: [32, 32, 3], scale: 1 / 255, offset: 0, seed: 1 } as const;
const totalOf = (model: tfl.LayersModel): number => layerCosts(model).reduce((sum, { macs }) => sum + macs, 0);

describe('layerCosts', () => {
  it('has the plain CNN at 25 million', () => {
    const same = (filters: number): ReturnType<typeof conv> => conv(filters, 'same');
    const branch = [
      same(32),
      same(32),
      maxPool,
      same(64),
      same(64),
      maxPool,
      { op: 'flatten' },
      dense(128),
      output(100),
    ];
    const model = buildModel({ kind: 'custom', layers: [{ branches: [branch as never] }] }, options);
    const byHand = [
      32 * 32 * 27 * 32,
      32 * 32 * 288 * 32,
      16 * 16 * 288 * 64,
      16 * 16 * 576 * 64,
      8 * 8 * 64 * 128,
      128 * 100,
    ];
    expect(
      layerCosts(model)
        .map(({ macs }) => macs)
        .filter((macs) => macs > 0),
    ).toEqual(byHand);
    expect(totalOf(model)).toBe(25_014_784);
    model.dispose();
  });

  it("has the original's model1 at 515,876 parameters", () => {
    const model = buildModel(originalModel1, options);
    expect(countParameters(model)).toEqual({ parameters: 515_876, trainable: 515_876 });
    expect(layerCosts(model).reduce((sum, { parameters }) => sum + parameters, 0)).toBe(515_876);
    // Valid convolutions: 32 → 30, pool 15, 13, 11, pool 5.
    const byHand = 900 * 27 * 32 + 169 * 288 * 64 + 121 * 576 * 128 + 5 * 5 * 128 * 128 + 128 * 100;
    expect(totalOf(model)).toBe(byHand);
    model.dispose();
  });

  it('knows strides, depthwise and separable convolutions', () => {
    const model = tfl.sequential({
      layers: [
        tfl.layers.depthwiseConv2d({ kernelSize: [3, 5], depthMultiplier: 2, padding: 'same', inputShape: [8, 6, 4] }),
        tfl.layers.separableConv2d({ filters: 10, kernelSize: 3, strides: [2, 3], padding: 'same' }),
        tfl.layers.conv2d({ filters: 7, kernelSize: [1, 2], useBias: false, padding: 'valid' }),
      ],
    });
    expect(layerCosts(model).map(({ macs, outputShape, parameters }) => ({ macs, outputShape, parameters }))).toEqual([
      { macs: 8 * 6 * 8 * 15, outputShape: [8, 6, 8], parameters: 15 * 8 + 8 },
      { macs: 4 * 2 * (9 * 8 + 8 * 10), outputShape: [4, 2, 10], parameters: 9 * 8 + 80 + 10 },
      { macs: 4 * 1 * 2 * 10 * 7, outputShape: [4, 1, 7], parameters: 140 },
    ]);
    model.dispose();
  });

  it('counts nothing for normalisation, pooling and activation, whose running figures are not trainable', () => {
    const model = tfl.sequential({
      layers: [
        tfl.layers.batchNormalization({ inputShape: [4, 4, 6] }),
        tfl.layers.layerNormalization(),
        tfl.layers.reLU(),
        tfl.layers.globalAveragePooling2d({}),
        tfl.layers.dense({ units: 3 }),
      ],
    });
    expect(layerCosts(model).map(({ type, macs }) => [type, macs])).toEqual([
      ['BatchNormalization', 0],
      ['LayerNormalization', 0],
      ['ReLU', 0],
      ['GlobalAveragePooling2D', 0],
      ['Dense', 18],
    ]);
    expect(countParameters(model)).toEqual({ parameters: 24 + 12 + 21, trainable: 12 + 12 + 21 });
    model.dispose();
  });

  it('pays for a Dense layer at each position, and for a shared layer in each place', () => {
    const input = tfl.input({ shape: [5, 3] });
    const shared = tfl.layers.dense({ units: 3, useBias: false });
    const twice = shared.apply(shared.apply(input)) as tfl.SymbolicTensor;
    const model = tfl.model({ inputs: input, outputs: twice });
    expect(totalOf(model)).toBe(2 * 5 * 9);
    expect(countParameters(model).parameters).toBe(9);
    model.dispose();
  });

  it('goes into nested models', () => {
    const inner = tfl.sequential({ layers: [tfl.layers.dense({ units: 4, inputShape: [3] })] });
    const outer = tfl.sequential({ layers: [inner, tfl.layers.dense({ units: 2 })] });
    expect(layerCosts(outer).map(({ macs }) => macs)).toEqual([12, 8]);
    outer.dispose();
  });

  it('refuses a layer with weights that it has no formula for', () => {
    const transposed = tfl.layers.conv2dTranspose({ filters: 2, kernelSize: 3, inputShape: [4, 4, 1], name: 'up' });
    const model = tfl.sequential({ layers: [transposed] });
    expect(() => layerCosts(model)).toThrow('layer "up": there is no formula');
    model.dispose();
  });
});
