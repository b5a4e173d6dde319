// ResNet50 (He et al. 2015, arXiv:1512.03385), the first version, with the stride in a block's first convolution, as Keras Applications builds it.

import type { Network, Tensor } from './network.ts';

/** Channels within the blocks, number of blocks, stride of the first one. */
const stages = [
  [64, 3, 1],
  [128, 4, 2],
  [256, 6, 2],
  [512, 3, 2],
] as const;

/** @param input - images in the order blue, green, red, less ImageNet's means */
export function applyResNet50(input: Tensor, network: Network): Tensor {
  let end = network.pad(
    input,
    [
      [3, 3],
      [3, 3],
    ],
    'conv1_pad',
  );
  const stem = { name: 'conv1_conv', filters: 64, size: 7, strides: 2, padding: 'valid', bias: true } as const;
  end = network.conv(end, { ...stem, spread: 'glorot' });
  end = network.activate(norm(end, network, 'conv1_bn'), 'relu', 'conv1_relu');
  end = network.pad(
    end,
    [
      [1, 1],
      [1, 1],
    ],
    'pool1_pad',
  );
  end = network.pool(end, 'max', { name: 'pool1_pool', size: 3, strides: 2, padding: 'valid' });
  stages.forEach(([filters, blocks, strides], row) => {
    for (let block = 1; block <= blocks; block++)
      end = applyBlock(end, network, {
        name: `conv${row + 2}_block${block}`,
        filters,
        strides: block === 1 ? strides : 1,
        project: block === 1,
      });
  });
  return end;
}

interface Block {
  readonly name: string;
  readonly filters: number;
  readonly strides: number;
  /** Whether the shortcut goes through a 1×1 convolution. */
  readonly project: boolean;
}

function applyBlock(input: Tensor, network: Network, { name, filters, strides, project }: Block): Tensor {
  const conv = (from: Tensor, part: number, options: { filters: number; size: number; strides?: number }): Tensor => {
    const end = network.conv(from, { ...options, name: `${name}_${part}_conv`, bias: true, spread: 'glorot' });
    return norm(end, network, `${name}_${part}_bn`);
  };
  const shortcut = project ? conv(input, 0, { filters: 4 * filters, size: 1, strides }) : input;
  let end = network.activate(conv(input, 1, { filters, size: 1, strides }), 'relu', `${name}_1_relu`);
  end = network.activate(conv(end, 2, { filters, size: 3 }), 'relu', `${name}_2_relu`);
  end = conv(end, 3, { filters: 4 * filters, size: 1 });
  return network.activate(network.add([shortcut, end], `${name}_add`), 'relu', `${name}_out`);
}

function norm(input: Tensor, network: Network, name: string): Tensor {
  return network.norm(input, { name, epsilon: 1.001e-5 });
}
