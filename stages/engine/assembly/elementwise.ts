// Sums down the columns of a matrix (bias gradients), and gradients of activations.

import { sigmoid } from './exponential';
import { loadLanes, storeLanes } from './lanes';

/** Rows that are summed apart before they join the total: keeps the rounding error of long sums small, and the rows in the nearest cache. */
const BLOCK: i32 = 64;

/** sums[column] = factor · Σ x[row, column]; x is [rows, columns]. */
export function columnSums(x: usize, sums: usize, rows: i32, columns: i32, factor: f32): void {
  const step = (<usize>columns) << 2;
  memory.fill(sums, 0, step);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    const block = x + <usize>first * step;
    for (let column = 0; column < columns; column += 4) {
      const lanes = columns - column;
      const shift = (<usize>column) << 2;
      let even = f32x4.splat(0);
      let odd = even;
      let from = block + shift;
      for (let row = 1; row < count; row += 2) {
        even = f32x4.add(even, loadLanes(from, lanes));
        odd = f32x4.add(odd, loadLanes(from + step, lanes));
        from += step << 1;
      }
      if (count & 1) even = f32x4.add(even, loadLanes(from, lanes));
      storeLanes(sums + shift, f32x4.add(loadLanes(sums + shift, lanes), f32x4.add(even, odd)), lanes);
    }
  }
  if (factor === 1) return;
  for (let column = 0; column < columns; column++) {
    store<f32>(sums, load<f32>(sums) * factor);
    sums += 4;
  }
}

/**
 * dz = dy where y > 0, else 0, and sums[column] = Σ dz[row, column]: both gradients of a bias followed by ReLU, from its result y. All but the sums are
 * [rows, columns].
 */
export function rectifiedBiasGradient(
  dy: usize,
  y: usize,
  dz: usize,
  sums: usize,
  rows: i32,
  columns: i32,
): void {
  const step = (<usize>columns) << 2;
  const zero = f32x4.splat(0);
  memory.fill(sums, 0, step);
  for (let first = 0; first < rows; first += BLOCK) {
    const block = <usize>first * step;
    const end = block + <usize>min(BLOCK, rows - first) * step;
    for (let column = 0; column < columns; column += 4) {
      const lanes = columns - column;
      const shift = (<usize>column) << 2;
      let sum = zero;
      for (let at = block + shift; at < end; at += step) {
        const slope = v128.and(loadLanes(dy + at, lanes), f32x4.gt(loadLanes(y + at, lanes), zero));
        storeLanes(dz + at, slope, lanes);
        sum = f32x4.add(sum, slope);
      }
      storeLanes(sums + shift, f32x4.add(loadLanes(sums + shift, lanes), sum), lanes);
    }
  }
}

/** dx = dy where low < x ≤ high, else 0: the gradient of x cut off at both ends. */
export function intervalGradient(dy: usize, x: usize, dx: usize, count: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const values = loadLanes(x, lanes);
    const inside = v128.and(f32x4.gt(values, lows), f32x4.le(values, highs));
    storeLanes(dx, v128.and(loadLanes(dy, lanes), inside), lanes);
    x += 16;
    dy += 16;
    dx += 16;
  }
}

/** dx = dy · y · (1 − y), where y is the sigmoid. */
export function sigmoidGradient(dy: usize, y: usize, dx: usize, count: i32): void {
  const one = f32x4.splat(1);
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const values = loadLanes(y, lanes);
    const slope = f32x4.mul(values, f32x4.sub(one, values));
    storeLanes(dx, f32x4.mul(loadLanes(dy, lanes), slope), lanes);
    y += 16;
    dy += 16;
    dx += 16;
  }
}

/** y = x · sigmoid(x) (Ramachandran, Zoph and Le, 2017) */
export function swish(x: usize, y: usize, count: i32): void {
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const values = loadLanes(x, lanes);
    storeLanes(y, f32x4.mul(values, sigmoid(values)), lanes);
    x += 16;
    y += 16;
  }
}

/** dx = dy · (s + x · s · (1 − s)), where s is the sigmoid of x. */
export function swishGradient(dy: usize, x: usize, dx: usize, count: i32): void {
  const one = f32x4.splat(1);
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const values = loadLanes(x, lanes);
    const s = sigmoid(values);
    const slope = f32x4.add(s, f32x4.mul(f32x4.mul(values, s), f32x4.sub(one, s)));
    storeLanes(dx, f32x4.mul(loadLanes(dy, lanes), slope), lanes);
    dy += 16;
    x += 16;
    dx += 16;
  }
}
