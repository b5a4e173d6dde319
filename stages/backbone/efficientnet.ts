// EfficientNet (Tan and Le 2019, arXiv:1905.11946) as Keras Applications builds it: inverted bottlenecks with squeeze-and-excitation and stochastic depth.

import * as tfl from '@tensorflow/tfjs-layers';

import { apply, strideEdges, type Network, type Tensor } from './network.ts';

/** A stage of blocks: window, blocks, channels out, factor of the expansion, stride of the first block; for B0. */
const stages = [
  { size: 3, blocks: 1, filters: 16, expansion: 1, strides: 1 },
  { size: 3, blocks: 2, filters: 24, expansion: 6, strides: 2 },
  { size: 5, blocks: 2, filters: 40, expansion: 6, strides: 2 },
  { size: 3, blocks: 3, filters: 80, expansion: 6, strides: 2 },
  { size: 5, blocks: 3, filters: 112, expansion: 6, strides: 1 },
  { size: 5, blocks: 4, filters: 192, expansion: 6, strides: 2 },
  { size: 3, blocks: 1, filters: 320, expansion: 6, strides: 1 },
] as const;

/** Probability to drop the last block; it rises to this from 0 along the blocks. */
const dropConnect = 0.2;
/** Channels of the squeeze, as a part of those that go into the block. */
const squeeze = 0.25;

interface Block {
  /** Before the names of its layers: "block2a_". */
  readonly prefix: string;
  readonly size: number;
  readonly filters: number;
  readonly expansion: number;
  readonly strides: number;
  /** Probability that an image goes round the block in a training step. */
  readonly drop: number;
}

/**
 * @param input - scaled images
 * @param depth - factor for the number of blocks: 1 for B0, 1.1 for B1 (both have the same width)
 */
export function applyEfficientNet(input: Tensor, network: Network, depth: number): Tensor {
  let end = network.pad(input, strideEdges(input, 3), 'stem_conv_pad');
  end = network.conv(end, { name: 'stem_conv', filters: 32, size: 3, strides: 2, padding: 'valid', spread: 'he_out' });
  end = normSwish(end, network, 'stem_bn', 'stem_activation');
  for (const block of blocksOf(depth)) end = applyBlock(end, network, block);
  end = network.conv(end, { name: 'top_conv', filters: 1280, size: 1, spread: 'he_out' });
  return normSwish(end, network, 'top_bn', 'top_activation');
}

function blocksOf(depth: number): readonly Block[] {
  const blocks = stages.flatMap(({ blocks: base, strides, ...stage }, row) =>
    Array.from({ length: Math.ceil(depth * base) }, (_, column) => ({
      ...stage,
      prefix: `block${row + 1}${String.fromCharCode(97 + column)}_`,
      strides: column === 0 ? strides : 1,
    })),
  );
  return blocks.map((block, index) => ({ ...block, drop: (dropConnect * index) / blocks.length }));
}

function applyBlock(input: Tensor, network: Network, block: Block): Tensor {
  const { prefix, size, strides, filters, drop } = block;
  const channels = input.shape[3]!;
  let end = expand(input, network, block);
  if (strides === 2) end = network.pad(end, strideEdges(end, size), `${prefix}dwconv_pad`);
  const padding = strides === 2 ? 'valid' : 'same';
  end = network.depthwise(end, { name: `${prefix}dwconv`, size, strides, padding, spread: 'he_out' });
  end = normSwish(end, network, `${prefix}bn`, `${prefix}activation`);
  end = excite(end, network, prefix, Math.max(1, Math.floor(channels * squeeze)));
  end = network.conv(end, { name: `${prefix}project_conv`, filters, size: 1, spread: 'he_out' });
  end = network.norm(end, { name: `${prefix}project_bn` });
  if (strides !== 1 || channels !== filters) return end;
  if (drop > 0) end = dropPaths(end, drop, `${prefix}drop`);
  return network.add([end, input], `${prefix}add`);
}

function expand(input: Tensor, network: Network, { prefix, expansion }: Block): Tensor {
  if (expansion === 1) return input;
  const filters = input.shape[3]! * expansion;
  const end = network.conv(input, { name: `${prefix}expand_conv`, filters, size: 1, spread: 'he_out' });
  return normSwish(end, network, `${prefix}expand_bn`, `${prefix}expand_activation`);
}

/** Squeeze and excitation (Hu et al. 2018): channels weighted by what a small network makes of their means. */
function excite(input: Tensor, network: Network, prefix: string, reduced: number): Tensor {
  const filters = input.shape[3]!;
  const shared = { size: 1, bias: true, spread: 'he_out' } as const;
  let weights = apply(input, tfl.layers.globalAveragePooling2d({ name: `${prefix}se_squeeze` }));
  weights = apply(weights, tfl.layers.reshape({ name: `${prefix}se_reshape`, targetShape: [1, 1, filters] }));
  weights = network.conv(weights, { ...shared, name: `${prefix}se_reduce`, filters: reduced, activation: 'swish' });
  weights = network.conv(weights, { ...shared, name: `${prefix}se_expand`, filters, activation: 'sigmoid' });
  return apply([input, weights], tfl.layers.multiply({ name: `${prefix}se_excite` }));
}

/** Stochastic depth (Huang et al. 2016): one draw for each image. */
function dropPaths(input: Tensor, rate: number, name: string): Tensor {
  // TensorFlow.js's types know no open size, its code does.
  const noiseShape = [null, 1, 1, 1] as unknown as number[];
  return apply(input, tfl.layers.dropout({ name, rate, noiseShape }));
}

function normSwish(input: Tensor, network: Network, norm: string, activation: string): Tensor {
  return network.activate(network.norm(input, { name: norm }), 'swish', activation);
}
