// MobileNet (Howard et al. 2017, arXiv:1704.04861), width 1, as Keras Applications builds it.

import type { Network, Tensor } from './network.ts';

/** Channels and stride of the blocks: a depthwise convolution, then a pointwise one. */
const blocks = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** @param input - images scaled to [−1, 1] */
export function applyMobileNet(input: Tensor, network: Network): Tensor {
  let end = network.conv(input, { name: 'conv1', filters: 32, size: 3, strides: 2, spread: 'glorot' });
  end = normRelu(end, network, 'conv1');
  blocks.forEach(([filters, strides], index) => {
    const number = index + 1;
    const [depthwise, pointwise] = [`conv_dw_${number}`, `conv_pw_${number}`];
    // Keras pads even and odd sizes alike here.
    if (strides === 2)
      end = network.pad(
        end,
        [
          [0, 1],
          [0, 1],
        ],
        `conv_pad_${number}`,
      );
    const padding = strides === 2 ? 'valid' : 'same';
    end = network.depthwise(end, { name: depthwise, size: 3, strides, padding, spread: 'glorot' });
    end = normRelu(end, network, depthwise);
    end = network.conv(end, { name: pointwise, filters, size: 1, spread: 'glorot' });
    end = normRelu(end, network, pointwise);
  });
  return end;
}

function normRelu(input: Tensor, network: Network, name: string): Tensor {
  return network.activate(network.norm(input, { name: `${name}_bn` }), 'relu6', `${name}_relu`);
}
