import { describe, expect, it } from '@jest/globals';
import * as tfl from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import type { Layer, Op, Pair } from './definition.ts';
import { readParams } from './params.ts';
import { walkShapes } from './shape.ts';
import type { Shape } from './shape.ts';
import { oneBranch, opsOf, paramsFaults, readFixture } from './testing.ts';

const end = 'flatten: 0, output_classes: 100';
/** The network of a branch, `output_classes` at its end added where there is none. */
const networkOf = (ops: string): readonly Layer[] => [{ branches: [opsOf(oneBranch(ops))] }];

describe('shapes of the original models', () => {
  const shapes = readParams(readFixture('params.yaml')).models.flatMap(({ definition: { architecture } }) => {
    if (architecture.kind !== 'custom') return [];
    const { branches } = architecture.layers[0]!;
    const upToFlatten = branches[0]!.slice(0, branches[0]!.findIndex(({ op }) => op === 'flatten') + 1);
    return [
      [
        walkShapes(architecture.layers, [32, 32, 3]).output,
        walkShapes([{ branches: [upToFlatten] }], [32, 32, 3]).output,
      ],
    ];
  });

  it('end in 100 classes, by way of 5×5×128 and 4×4×128 values', () => {
    expect(shapes).toEqual([
      [[100], [3200]],
      [[100], [2048]],
    ]);
  });
});

describe('a network that does not fit', () => {
  const at = (op: string): string => `model.m.model.custom[0].layer[0].branch${op}: `;

  it.each([
    [
      `max_pool: {pool_size: 16}, max_pool: {pool_size: 3}, ${end}`,
      '[1].max_pool',
      'a window of 3×3 does not fit into 2×2×3 (use a smaller one, fewer poolings before it, or `padding: same`)',
    ],
    [
      `conv_layers: {filters: 8, kernel_size: [33, 1]}, ${end}`,
      '[0].conv_layers',
      'a kernel of 33×1 does not fit into 32×32×3 (use a smaller one, fewer poolings before it, or `padding: same`)',
    ],
    [
      `depthwise_conv: {kernel_size: [1, 33]}, ${end}`,
      '[0].depthwise_conv',
      'a kernel of 1×33 does not fit into 32×32×3 (use a smaller one, fewer poolings before it, or `padding: same`)',
    ],
    ...[
      'conv_layers: {filters: 8}',
      'separable_conv: {filters: 8}',
      'depthwise_conv: {}',
      'max_pool: {}',
      'avg_pool: {}',
      'global_avg_pool: 0',
    ].map((op) => [
      `flatten: 0, ${op}, ${end}`,
      `[1].${op.split(':')[0]!}`,
      'needs an image, but gets 3072 values (move it before flatten and global_avg_pool)',
    ]),
    [
      'dense_layers: {units: 8}, flatten: 0, output_classes: 100',
      '[0].dense_layers',
      'needs flat values, but gets 32×32×3 (put `flatten: 0` or `global_avg_pool: 0` before it)',
    ],
    [
      'conv_layers: {filters: 8}, output_classes: 100',
      '[1].output_classes',
      'needs flat values, but gets 30×30×8 (put `flatten: 0` or `global_avg_pool: 0` before it)',
    ],
    [
      `activation: relu, add: 2, ${end}`,
      '[1].add',
      'leads over 2 operations, but 1 stand before it in its branch (use a number from 1 to 1)',
    ],
    [
      `add: 1, ${end}`,
      '[0].add',
      'leads over 1 operations, but 0 stand before it in its branch (it adds what went into an earlier operation of the branch)',
    ],
    [
      `conv_layers: {filters: 8, strides: 2, padding: same}, add: 1, ${end}`,
      '[1].add',
      'adds 32×32×3 to 16×16×8 (`add: {over: 1, project: true}` mends the shape; or use `padding: same`, strides of 1 and as many filters)',
    ],
    [
      `conv_layers: {filters: 8}, add: 1, ${end}`,
      '[1].add',
      'adds 32×32×3 to 30×30×8 (use `padding: same`, strides of 1 and as many filters between the two)',
    ],
    [
      `conv_layers: {filters: 8}, add: {over: 1, project: true}, ${end}`,
      '[1].add',
      'no projection makes 30×30×8 of 32×32×3 (use `padding: same` between the two)',
    ],
    [
      'global_avg_pool: 0, add: {over: 1, project: true}, output_classes: 100',
      '[1].add',
      'no projection makes 3 values of 32×32×3 (lead over operations before flatten and global_avg_pool only, or after them only)',
    ],
    [
      'flatten: 0, output_classes: 100, dropout: 0.5',
      '[1].output_classes',
      'something follows it (it must be the last operation)',
    ],
  ])('%s', (ops, op, message) => {
    expect(paramsFaults(oneBranch(ops))).toContain(`${at(op)}${message}`);
  });

  it('a last layer of several branches', () => {
    const branches = `{branch: [${end}]}, {branch: [${end}]}`;
    expect(paramsFaults(`model: {m: {model: {custom: [{layer: [${branches}]}]}}}`)).toEqual([
      'model.m.model.custom[0]: the last layer has 2 branches, so that their concatenation would be the result (end with a layer of one branch that has output_classes)',
    ]);
  });

  it('classes in the middle, and not at the end', () => {
    const layers = `{layer: [{branch: [${end}]}]}, {layer: [{branch: [dense_layers: {units: 9}]}]}`;
    expect(paramsFaults(`model: {m: {model: {custom: [${layers}]}}}`)).toEqual([
      'model.m.model.custom[0].layer[0].branch[1].output_classes: something follows it (it must be the last operation)',
      'model.m.model.custom[1].layer[0].branch: the network does not end with its classes (add `output_classes: <number of classes>` as its last operation)',
    ]);
  });

  it.each([
    ['padding: same', 'padding: valid', '32×32×4, 30×30×4'],
    ['padding: same', 'padding: same, strides: [1, 2]', '32×32×4, 32×16×4'],
  ])('branches of other sizes: %s, %s', (first, second, sizes) => {
    const branch = (options: string): string => `{branch: [conv_layers: {filters: 4, ${options}}]}`;
    const layers = `{layer: [${branch(first)}, ${branch(second)}]}, {layer: [{branch: [${end}]}]}`;
    expect(paramsFaults(`model: {m: {model: {custom: [${layers}]}}}`)).toEqual([
      `model.m.model.custom[0]: its branches cannot be concatenated: ${sizes} (branches of a layer must end with the same height and width, or all flat)`,
    ]);
  });

  it('an image beside flat values', () => {
    const layers = `{layer: [{branch: [activation: relu]}, {branch: [flatten: 0]}]}, {layer: [{branch: [${end}]}]}`;
    expect(paramsFaults(`model: {m: {model: {custom: [${layers}]}}}`)).toEqual([
      'model.m.model.custom[0]: its branches cannot be concatenated: 32×32×3, 3072 values (branches of a layer must end with the same height and width, or all flat)',
    ]);
  });

  it('one misfit of each branch', () => {
    const bad = '{branch: [max_pool: {pool_size: 40}, max_pool: {pool_size: 40}]}';
    const layers = `{layer: [${bad}, ${bad}]}, {layer: [{branch: [${end}]}]}`;
    expect(paramsFaults(`model: {m: {model: {custom: [${layers}]}}}`)).toHaveLength(2);
  });

  it('by the image size and colours of its own model', () => {
    const yaml = (params: string): string =>
      `model: {m: {params: ${params}, model: {custom: [{layer: [{branch: [max_pool: {pool_size: [20, 30]}, ${end}]}]}]}}}`;
    expect(paramsFaults(yaml('{image_size: [20, 30]}'))).toEqual([]);
    expect(paramsFaults(yaml('{image_size: [30, 20], grayscale: true}'))[0]).toContain('does not fit into 30×20×1');
  });
});

describe('branches', () => {
  it('are concatenated along the channels, flat ones one after the other', () => {
    const conv = (filters: number): Op[] => opsOf(oneBranch(`conv_layers: {filters: ${filters}}, ${end}`)).slice(0, 1);
    expect(walkShapes([{ branches: [conv(4), conv(5), conv(6)] }], [8, 9, 3]).output).toEqual([6, 7, 15]);
    const pool: Op[] = [{ op: 'global_avg_pool' }];
    expect(walkShapes([{ branches: [pool, [{ op: 'flatten' }]] }], [2, 2, 3]).output).toEqual([15]);
  });
});

describe('residual connections', () => {
  it('start from what went into an earlier operation', () => {
    const ops = `conv_layers: {filters: 8, padding: same}, conv_layers: {filters: 8, padding: same}, batch_norm: 0, add: 2, ${end}`;
    expect(paramsFaults(oneBranch(ops))).toEqual([]);
  });

  it('may have a projection over strides, also of odd sizes and of flat values', () => {
    const strided = `conv_layers: {filters: 8, strides: 3, padding: same}, add: {over: 1, project: true}, ${end}`;
    expect(paramsFaults(oneBranch(strided))).toEqual([]);
    const dense = 'global_avg_pool: 0, dense_layers: {units: 8}, add: {over: 1, project: true}, output_classes: 100';
    expect(paramsFaults(oneBranch(dense))).toEqual([]);
    expect(walkShapes(networkOf(dense), [32, 32, 3]).output).toEqual([100]);
  });
});

describe('against TensorFlow.js', () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));
  const padding = fc.constantFrom('valid' as const, 'same' as const);
  const kernel = {
    kernelSize: pair,
    strides: pair,
    padding,
    activation: fc.constant('relu' as const),
    l2: fc.constant(0),
  };
  const op: fc.Arbitrary<Op> = fc.oneof(
    fc.record({
      op: fc.constant('conv' as const),
      filters: fc.integer({ min: 1, max: 4 }),
      useBias: fc.boolean(),
      ...kernel,
    }),
    fc.record({
      op: fc.constant('depthwise_conv' as const),
      depthMultiplier: fc.integer({ min: 1, max: 3 }),
      ...kernel,
    }),
    fc.record({
      op: fc.constantFrom('max_pool' as const, 'avg_pool' as const),
      poolSize: pair,
      strides: pair,
      padding,
    }),
    fc.constant<Op>({ op: 'flatten' }),
    fc.constant<Op>({ op: 'global_avg_pool' }),
  );

  const copy = (value: Pair): [number, number] => [value[0], value[1]];

  function layerOf(operation: Op): tfl.layers.Layer {
    if (operation.op === 'global_avg_pool') return tfl.layers.globalAveragePooling2d({});
    if (operation.op === 'flatten') return tfl.layers.flatten();
    if (!('strides' in operation)) throw new Error(`${operation.op} is not among those compared`);
    const sliding = { strides: copy(operation.strides), padding: operation.padding };
    if ('poolSize' in operation) return tfl.layers.maxPooling2d({ ...sliding, poolSize: copy(operation.poolSize) });
    const window = { ...sliding, kernelSize: copy(operation.kernelSize) };
    if (operation.op !== 'depthwise_conv') return tfl.layers.conv2d({ ...window, filters: operation.filters });
    return tfl.layers.depthwiseConv2d({ ...window, depthMultiplier: operation.depthMultiplier });
  }

  /** What TensorFlow.js says comes out; the layers are not built. */
  function expectedShape(operation: Op, shape: Shape): readonly number[] {
    const [, ...sides] = layerOf(operation).computeOutputShape([null, ...shape]) as number[];
    return sides;
  }

  it('every shape is the one that its layer computes', () => {
    const side = fc.integer({ min: 1, max: 20 });
    let walked = 0;
    const property = fc.property(side, side, fc.array(op, { minLength: 1, maxLength: 5 }), (height, width, ops) => {
      let shape: Shape = [height, width, 3];
      for (const operation of ops) {
        const { output } = walkShapes([{ branches: [[operation]] }], shape);
        if (output === null) {
          // Refused: there is no image, or nothing would be left of it.
          if (shape.length === 3) expect(Math.min(...expectedShape(operation, shape))).toBeLessThan(1);
          return;
        }
        expect(output).toEqual(expectedShape(operation, shape));
        shape = output;
        walked++;
      }
    });
    fc.assert(property, { numRuns: 300 });
    expect(walked).toBeGreaterThan(300);
  });
});
