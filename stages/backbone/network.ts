// The layers that backbones are made of, each applied at once to a tensor, under Keras's names. Knows no architecture.

import * as tfl from '@tensorflow/tfjs-layers';

import { initialiserOf, type Spread } from './initialise.ts';

export type Tensor = tfl.SymbolicTensor;
/** Rows above, rows below; columns left, columns right. */
export type Edges = [[number, number], [number, number]];

export interface ConvOptions {
  readonly name: string;
  readonly filters: number;
  /** Side of the square window, in pixels. */
  readonly size: number;
  readonly strides?: number;
  readonly padding?: 'same' | 'valid';
  readonly bias?: boolean;
  readonly activation?: 'swish' | 'sigmoid';
  readonly spread: Spread;
}

export interface NormOptions {
  readonly name: string;
  readonly momentum?: number;
  readonly epsilon?: number;
}

/** Layers for one model. Names that are left out are given as Keras does in a session that builds one model: activation, activation_1, … */
export interface Network {
  readonly conv: (input: Tensor, options: ConvOptions) => Tensor;
  readonly depthwise: (input: Tensor, options: Omit<ConvOptions, 'filters' | 'bias' | 'activation'>) => Tensor;
  readonly separable: (input: Tensor, options: Omit<ConvOptions, 'bias' | 'activation'>) => Tensor;
  readonly norm: (input: Tensor, options: NormOptions) => Tensor;
  readonly activate: (input: Tensor, activation: 'relu' | 'relu6' | 'swish', name?: string) => Tensor;
  readonly pad: (input: Tensor, edges: Edges, name?: string) => Tensor;
  readonly crop: (input: Tensor, edges: Edges) => Tensor;
  readonly pool: (input: Tensor, kind: 'max' | 'average', options: PoolOptions) => Tensor;
  readonly add: (inputs: Tensor[], name?: string) => Tensor;
  readonly concatenate: (inputs: Tensor[], name?: string) => Tensor;
}

export interface PoolOptions {
  readonly name: string;
  readonly size: number;
  readonly strides: number;
  readonly padding: 'same' | 'valid';
}

/** @param seed - of all initial weights */
export function createNetwork(seed: number): Network {
  const automatic = createAutomaticNames();
  const initialiser = (spread: Spread, layer: string, part: string) => initialiserOf(spread, [seed, layer, part]);
  return {
    conv: (input, { name, filters, size, strides = 1, padding = 'same', bias = false, activation, spread }) =>
      apply(
        input,
        tfl.layers.conv2d({
          name,
          filters,
          kernelSize: size,
          strides,
          padding,
          useBias: bias,
          ...(activation && { activation }),
          kernelInitializer: initialiser(spread, name, 'kernel'),
        }),
      ),
    depthwise: (input, { name, size, strides = 1, padding = 'same', spread }) =>
      apply(
        input,
        tfl.layers.depthwiseConv2d({
          name,
          kernelSize: size,
          strides,
          padding,
          useBias: false,
          depthwiseInitializer: initialiser(spread, name, 'depthwise'),
        }),
      ),
    separable: (input, { name, filters, size, strides = 1, padding = 'same', spread }) =>
      apply(
        input,
        tfl.layers.separableConv2d({
          name,
          filters,
          kernelSize: size,
          strides: [strides, strides],
          padding,
          useBias: false,
          depthwiseInitializer: initialiser(spread, name, 'depthwise'),
          pointwiseInitializer: initialiser(spread, name, 'pointwise'),
        }),
      ),
    norm: (input, { name, momentum = 0.99, epsilon = 0.001 }) =>
      apply(input, tfl.layers.batchNormalization({ name, momentum, epsilon })),
    activate: (input, activation, name = automatic('activation')) =>
      apply(input, tfl.layers.activation({ name, activation })),
    pad: (input, padding, name = automatic('zero_padding2d')) =>
      apply(input, tfl.layers.zeroPadding2d({ name, padding })),
    crop: (input, cropping) => apply(input, tfl.layers.cropping2D({ name: automatic('cropping2d'), cropping })),
    pool: (input, kind, { name, size, strides, padding }) =>
      apply(
        input,
        tfl.layers[kind === 'max' ? 'maxPooling2d' : 'averagePooling2d']({ name, poolSize: size, strides, padding }),
      ),
    add: (inputs, name = automatic('add')) => apply(inputs, tfl.layers.add({ name })),
    concatenate: (inputs, name = automatic('concatenate')) => apply(inputs, tfl.layers.concatenate({ name })),
  };
}

export function apply(input: Tensor | Tensor[], layer: tfl.layers.Layer): Tensor {
  return layer.apply(input) as Tensor;
}

function createAutomaticNames(): (kind: string) => string {
  const counts = new Map<string, number>();
  return (kind) => {
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return count === 0 ? kind : `${kind}_${count}`;
  };
}

/**
 * Zeros around an image for a strided window with padding "valid", so that the window meets the pixels that PyTorch's symmetric padding would give it on
 * odd sizes and TensorFlow's "same" on even ones: Keras's `correct_pad`.
 */
export function strideEdges(input: Tensor, size: number): Edges {
  const half = Math.floor(size / 2);
  const before = (axis: number): number => half - 1 + (input.shape[axis]! % 2);
  return [
    [before(1), half],
    [before(2), half],
  ];
}
