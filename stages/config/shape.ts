// Walks an architecture from the image to the classes, by sizes alone, so that operations that do not fit are told before anything trains.
// Knows nothing of params.yaml: a fault is placed by layer, branch and operation.

import type { Layer, Op, Padding, Pair } from './definition.ts';

/** Of one image: height, width, channels; or the number of values, where it is flat. */
export type Shape = readonly [number, number, number] | readonly [number];

export interface ShapeFault {
  /** Positions, from 0. */
  readonly layer: number;
  readonly branch?: number;
  readonly op?: number;
  readonly message: string;
  readonly hint?: string;
}

export interface ShapeWalk {
  /** What comes out at the end; null where a fault keeps it unknown. */
  readonly output: Shape | null;
  readonly faults: readonly ShapeFault[];
}

/** What keeps an operation from being applied. */
class Misfit extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The shapes that a network goes through. Of each branch only the first misfit is told, as nothing is known behind it. */
export function walkShapes(layers: readonly Layer[], input: Shape): ShapeWalk {
  const faults: ShapeFault[] = checkOutput(layers);
  let shape = input;
  for (const [layer, { branches }] of layers.entries()) {
    const ends = branches.map((ops, branch) => walkBranch(ops, shape, { layer, branch, faults }));
    const known = ends.filter((end) => end !== null);
    if (known.length < ends.length) return { output: null, faults };
    const joined = concatenate(known);
    if (typeof joined === 'string') {
      const hint = 'branches of a layer must end with the same height and width, or all flat';
      return { output: null, faults: [...faults, { layer, message: joined, hint }] };
    }
    shape = joined;
  }
  return { output: shape, faults };
}

/** The one `output` has to be the last operation of the last layer, which has one branch. */
function checkOutput(layers: readonly Layer[]): ShapeFault[] {
  const faults: ShapeFault[] = [];
  const last = layers.length - 1;
  for (const [layer, { branches }] of layers.entries())
    for (const [branch, ops] of branches.entries())
      for (const [op, { op: kind }] of ops.entries())
        if (kind === 'output' && (layer < last || op < ops.length - 1))
          faults.push({ layer, branch, op, message: 'something follows it', hint: 'it must be the last operation' });
  const { branches } = layers[last]!;
  if (branches.length > 1)
    faults.push({
      layer: last,
      message: `the last layer has ${branches.length} branches, so that their concatenation would be the result`,
      hint: 'end with a layer of one branch that has output_classes',
    });
  else if (branches[0]!.at(-1)?.op !== 'output')
    faults.push({
      layer: last,
      branch: 0,
      message: 'the network does not end with its classes',
      hint: 'add `output_classes: <number of classes>` as its last operation',
    });
  return faults;
}

interface BranchPlace {
  readonly layer: number;
  readonly branch: number;
  /** Misfits are added to it. */
  readonly faults: ShapeFault[];
}

function walkBranch(ops: readonly Op[], input: Shape, { layer, branch, faults }: BranchPlace): Shape | null {
  /** What goes into each operation; the last one is what comes out of the branch. */
  const shapes: Shape[] = [input];
  for (const [op, operation] of ops.entries()) {
    try {
      shapes.push(applyOp(operation, shapes));
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      const { message, hint } = error;
      faults.push({ layer, branch, op, message, ...(hint === undefined ? {} : { hint }) });
      return null;
    }
  }
  return shapes.at(-1)!;
}

/** What comes out of an operation, given all shapes of its branch so far. Throws a Misfit. */
function applyOp(op: Op, shapes: readonly Shape[]): Shape {
  const shape = shapes.at(-1)!;
  switch (op.op) {
    case 'conv':
    case 'separable_conv': {
      const [height, width] = slide(imageOf(shape), op.kernelSize, op, 'kernel');
      return [height, width, op.filters];
    }
    case 'depthwise_conv': {
      const image = imageOf(shape);
      const [height, width] = slide(image, op.kernelSize, op, 'kernel');
      return [height, width, image[2] * op.depthMultiplier];
    }
    case 'max_pool':
    case 'avg_pool': {
      const image = imageOf(shape);
      const [height, width] = slide(image, op.poolSize, op, 'window');
      return [height, width, image[2]];
    }
    case 'global_avg_pool':
      return [imageOf(shape)[2]];
    case 'flatten':
      return [shape.reduce((product, side) => product * side, 1)];
    case 'dense':
      return [flat(shape, op.units)];
    case 'output':
      return [flat(shape, op.classes)];
    case 'add':
      return checkAdd(op, shapes);
    case 'batch_norm':
    case 'layer_norm':
    case 'dropout':
    case 'activation':
      return shape;
  }
}

function imageOf(shape: Shape): readonly [number, number, number] {
  if (shape.length === 3) return shape;
  throw new Misfit(`needs an image, but gets ${formatShape(shape)}`, 'move it before flatten and global_avg_pool');
}

function flat(shape: Shape, units: number): number {
  if (shape.length === 1) return units;
  throw new Misfit(
    `needs flat values, but gets ${formatShape(shape)}`,
    'put `flatten: 0` or `global_avg_pool: 0` before it',
  );
}

interface Sliding {
  readonly strides: Pair;
  readonly padding: Padding;
}

function slide(image: Shape & { length: 3 }, size: Pair, { strides, padding }: Sliding, what: string): Pair {
  const [height, width] = image;
  if (padding === 'valid' && (size[0] > height || size[1] > width))
    throw new Misfit(
      `a ${what} of ${size.join('×')} does not fit into ${formatShape(image)}`,
      'use a smaller one, fewer poolings before it, or `padding: same`',
    );
  return [slidingSize(height, size[0], strides[0], padding), slidingSize(width, size[1], strides[1], padding)];
}

/** Places of a window along one side: ⌈side / stride⌉ for `same`, ⌊(side − window) / stride⌋ + 1 for `valid`. */
export function slidingSize(side: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(side / stride) : Math.floor((side - window) / stride) + 1;
}

function checkAdd({ over, project }: Op & { op: 'add' }, shapes: readonly Shape[]): Shape {
  const shape = shapes.at(-1)!;
  const before = shapes.length - 1;
  const source = shapes[before - over];
  if (source === undefined)
    throw new Misfit(
      `leads over ${over} operations, but ${before} stand before it in its branch`,
      before === 0 ? 'it adds what went into an earlier operation of the branch' : `use a number from 1 to ${before}`,
    );
  if (project) return checkProjection(source, shape);
  if (source.join() === shape.join()) return shape;
  throw new Misfit(
    `adds ${formatShape(source)} to ${formatShape(shape)}`,
    canProject(source, shape)
      ? `\`add: {over: ${over}, project: true}\` mends the shape; or use \`padding: same\`, strides of 1 and as many filters`
      : 'use `padding: same`, strides of 1 and as many filters between the two',
  );
}

function checkProjection(source: Shape, shape: Shape): Shape {
  if (canProject(source, shape)) return shape;
  throw new Misfit(
    `no projection makes ${formatShape(shape)} of ${formatShape(source)}`,
    source.length === shape.length
      ? 'use `padding: same` between the two'
      : 'lead over operations before flatten and global_avg_pool only, or after them only',
  );
}

/** Whether a projection gives one shape the form of the other: for images a 1×1 convolution with strides, for flat values a matrix. */
function canProject(from: Shape, to: Shape): boolean {
  if (from.length !== to.length) return false;
  return from.slice(0, -1).every((side, axis) => Math.ceil(side / Math.ceil(side / to[axis]!)) === to[axis]);
}

/** The ends of the branches as one, or what keeps them apart. */
function concatenate(ends: readonly Shape[]): Shape | string {
  const [first, ...others] = ends;
  if (others.length === 0) return first!;
  const channels = ends.reduce((sum, end) => sum + end.at(-1)!, 0);
  const size = (shape: Shape): string => shape.slice(0, -1).join();
  if (others.every((end) => size(end) === size(first!)))
    return first!.length === 3 ? [first![0], first![1], channels] : [channels];
  return `its branches cannot be concatenated: ${ends.map(formatShape).join(', ')}`;
}

/** `30×30×32`, `3200 values` */
export function formatShape(shape: Shape): string {
  return shape.length === 1 ? `${shape[0]} values` : shape.join('×');
}
