// NASNet-A mobile (Zoph et al. 2017, arXiv:1707.07012; 4 @ 1056) as Keras Applications builds it: cells that see the two cells before them.

import { strideEdges, type Network, type Tensor } from './network.ts';

/** Channels of the first row of normal cells: 1056 in the end, made of 6 × 4 parts. */
const width = 44;
/** Normal cells in a row. */
const cells = 4;

/** What a cell gives to the next one: its own output, and its input as the previous one. */
interface Flow {
  readonly end: Tensor;
  readonly before: Tensor | undefined;
}

interface Cell {
  readonly network: Network;
  readonly filters: number;
  /** The last part of the names of its layers. */
  readonly id: string;
}

/** @param input - images scaled to [−1, 1] */
export function applyNasNetMobile(input: Tensor, network: Network): Tensor {
  const stem = { name: 'stem_conv1', filters: 32, size: 3, strides: 2, padding: 'valid', spread: 'he' } as const;
  let flow: Flow = { end: norm(network.conv(input, stem), network, 'stem_bn1'), before: undefined };
  flow = reduce(flow, { network, filters: width / 4, id: 'stem_1' });
  flow = reduce(flow, { network, filters: width / 2, id: 'stem_2' });
  for (let row = 0; row < 3; row++) {
    const filters = width * 2 ** row;
    if (row > 0) flow = reduce(flow, { network, filters, id: `reduce_${cells * row}` });
    // The number of a reduction cell is left out among those of the normal ones.
    const first = row === 0 ? 0 : cells * row + 1;
    for (let cell = 0; cell < cells; cell++) flow = refine(flow, { network, filters, id: String(first + cell) });
  }
  return network.activate(flow.end, 'relu');
}

/** A normal cell: keeps the size. */
function refine({ end, before }: Flow, cell: Cell): Flow {
  const { network, id } = cell;
  const previous = adjust(before ?? end, end, cell);
  const here = enter(end, cell, 'normal');
  const pool = (input: Tensor, part: string): Tensor =>
    network.pool(input, 'average', { name: `normal_${part}_${id}`, size: 3, strides: 1, padding: 'same' });
  const separate = (input: Tensor, size: number, part: string): Tensor =>
    separateTwice(input, { ...cell, size, strides: 1, id: `normal_${part}_${id}` });
  const sum = (number: number, inputs: Tensor[]): Tensor => network.add(inputs, `normal_add_${number}_${id}`);
  const sums = [
    sum(1, [separate(here, 5, 'left1'), separate(previous, 3, 'right1')]),
    sum(2, [separate(previous, 5, 'left2'), separate(previous, 3, 'right2')]),
    sum(3, [pool(here, 'left3'), previous]),
    sum(4, [pool(previous, 'left4'), pool(previous, 'right4')]),
    sum(5, [separate(here, 3, 'left5'), here]),
  ];
  return { end: network.concatenate([previous, ...sums], `normal_concat_${id}`), before: end };
}

/** A reduction cell: halves the size. */
function reduce({ end, before }: Flow, cell: Cell): Flow {
  const { network, id } = cell;
  const previous = adjust(before ?? end, end, cell);
  const here = enter(end, cell, 'reduction');
  const padded = network.pad(here, strideEdges(here, 3), `reduction_pad_1_${id}`);
  const pool = (kind: 'max' | 'average', part: string): Tensor =>
    network.pool(padded, kind, { name: `reduction_${part}_${id}`, size: 3, strides: 2, padding: 'valid' });
  const separate = (input: Tensor, size: number, strides: number, part: string): Tensor =>
    separateTwice(input, { ...cell, size, strides, id: `reduction_${part}_${id}` });
  const sum = (name: string, inputs: Tensor[]): Tensor => network.add(inputs, `reduction_${name}_${id}`);
  const first = sum('add_1', [separate(here, 5, 2, 'left1'), separate(previous, 7, 2, 'right1')]);
  const second = sum('add_2', [pool('max', 'left2'), separate(previous, 7, 2, 'right2')]);
  const third = sum('add3', [pool('average', 'left3'), separate(previous, 5, 2, 'right3')]);
  const blurred = network.pool(first, 'average', {
    name: `reduction_left4_${id}`,
    size: 3,
    strides: 1,
    padding: 'same',
  });
  const fourth = network.add([second, blurred]);
  const fifth = sum('add4', [separate(first, 3, 1, 'left4'), pool('max', 'right5')]);
  return { end: network.concatenate([second, third, fourth, fifth], `reduction_concat_${id}`), before: end };
}

function enter(input: Tensor, { network, filters, id }: Cell, kind: string): Tensor {
  const name = `${kind}_conv_1_${id}`;
  const end = network.conv(network.activate(input, 'relu'), { name, filters, size: 1, spread: 'he' });
  return norm(end, network, `${kind}_bn_1_${id}`);
}

/** Brings what came before to the size and the channels of this cell. */
function adjust(previous: Tensor, current: Tensor, cell: Cell): Tensor {
  if (previous.shape[2] !== current.shape[2]) return halve(previous, cell);
  const { network, filters, id } = cell;
  if (previous === current || previous.shape[3] === filters) return previous;
  const name = `adjust_conv_projection_${id}`;
  const end = network.conv(network.activate(previous, 'relu'), { name, filters, size: 1, spread: 'he' });
  return norm(end, network, `adjust_bn_${id}`);
}

/** Every second pixel, and every second one of those beside them, each through a 1×1 convolution (factorised reduction). */
function halve(previous: Tensor, { network, filters, id }: Cell): Tensor {
  const input = network.activate(previous, 'relu', `adjust_relu_1_${id}`);
  const branch = (from: Tensor, number: number): Tensor => {
    const pool = { name: `adjust_avg_pool_${number}_${id}`, size: 1, strides: 2, padding: 'valid' } as const;
    const conv = {
      name: `adjust_conv_${number}_${id}`,
      filters: Math.floor(filters / 2),
      size: 1,
      spread: 'he',
    } as const;
    return network.conv(network.pool(from, 'average', pool), conv);
  };
  const first = branch(input, 1);
  const shifted = network.crop(
    network.pad(input, [
      [0, 1],
      [0, 1],
    ]),
    [
      [1, 0],
      [1, 0],
    ],
  );
  return norm(network.concatenate([first, branch(shifted, 2)]), network, `adjust_bn_${id}`);
}

interface Separation extends Cell {
  readonly size: number;
  readonly strides: number;
}

/** Twice: ReLU, separable convolution, batch norm. The first one has the stride. */
function separateTwice(input: Tensor, { network, filters, size, strides, id }: Separation): Tensor {
  let end = network.activate(input, 'relu');
  if (strides === 2) end = network.pad(end, strideEdges(end, size), `separable_conv_1_pad_${id}`);
  const padding = strides === 2 ? 'valid' : 'same';
  const shared = { filters, size, spread: 'glorot' } as const;
  end = network.separable(end, { ...shared, name: `separable_conv_1_${id}`, strides, padding });
  end = network.activate(norm(end, network, `separable_conv_1_bn_${id}`), 'relu');
  end = network.separable(end, { ...shared, name: `separable_conv_2_${id}` });
  return norm(end, network, `separable_conv_2_bn_${id}`);
}

function norm(input: Tensor, network: Network, name: string): Tensor {
  return network.norm(input, { name, momentum: 0.9997, epsilon: 1e-3 });
}
