// Sums down the columns of a matrix (bias gradients), and gradients of activations.
//
// Here as elsewhere the body of a loop is a function that is told how many lanes it has: with four, a constant, it compiles to plain loads and stores,
// which is up to five times as fast; a last call takes the rest.

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
    const whole = <usize>(columns & ~3) << 2;
    for (let at: usize = 0; at < whole; at += 16) addColumn(block + at, sums + at, count, step, 4);
    if (columns & 3) addColumn(block + whole, sums + whole, count, step, columns & 3);
  }
  if (factor === 1) return;
  for (let column = 0; column < columns; column++) {
    store<f32>(sums, load<f32>(sums) * factor);
    sums += 4;
  }
}

@inline
function addColumn(x: usize, sums: usize, count: i32, step: usize, lanes: i32): void {
  let even = f32x4.splat(0);
  let odd = even;
  for (let row = 1; row < count; row += 2) {
    even = f32x4.add(even, loadLanes(x, lanes));
    odd = f32x4.add(odd, loadLanes(x + step, lanes));
    x += step << 1;
  }
  if (count & 1) even = f32x4.add(even, loadLanes(x, lanes));
  storeLanes(sums, f32x4.add(loadLanes(sums, lanes), f32x4.add(even, odd)), lanes);
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
  memory.fill(sums, 0, step);
  const whole = <usize>(columns & ~3) << 2;
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    for (let at: usize = 0; at < whole; at += 16) rectifyColumn(dy + at, y + at, dz + at, sums + at, count, step, 4);
    if (columns & 3) rectifyColumn(dy + whole, y + whole, dz + whole, sums + whole, count, step, columns & 3);
    dy += (<usize>BLOCK) * step;
    y += (<usize>BLOCK) * step;
    dz += (<usize>BLOCK) * step;
  }
}

@inline
function rectifyColumn(dy: usize, y: usize, dz: usize, sums: usize, count: i32, step: usize, lanes: i32): void {
  const zero = f32x4.splat(0);
  let sum = zero;
  for (let row = 0; row < count; row++) {
    const slope = v128.and(loadLanes(dy, lanes), f32x4.gt(loadLanes(y, lanes), zero));
    storeLanes(dz, slope, lanes);
    sum = f32x4.add(sum, slope);
    dy += step;
    y += step;
    dz += step;
  }
  storeLanes(sums, f32x4.add(loadLanes(sums, lanes), sum), lanes);
}

/** dx = dy where low < x ≤ high, else 0: the gradient of x cut off at both ends. */
export function intervalGradient(dy: usize, x: usize, dx: usize, count: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const whole = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) keepInside(dy + at, x + at, dx + at, lows, highs, 4);
  if (count & 3) keepInside(dy + whole, x + whole, dx + whole, lows, highs, count & 3);
}

@inline
function keepInside(dy: usize, x: usize, dx: usize, lows: v128, highs: v128, lanes: i32): void {
  const values = loadLanes(x, lanes);
  const inside = v128.and(f32x4.gt(values, lows), f32x4.le(values, highs));
  storeLanes(dx, v128.and(loadLanes(dy, lanes), inside), lanes);
}

/** dx = dy · y · (1 − y), where y is the sigmoid. */
export function sigmoidGradient(dy: usize, y: usize, dx: usize, count: i32): void {
  const whole = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) putSigmoidSlope(dy + at, y + at, dx + at, 4);
  if (count & 3) putSigmoidSlope(dy + whole, y + whole, dx + whole, count & 3);
}

@inline
function putSigmoidSlope(dy: usize, y: usize, dx: usize, lanes: i32): void {
  const values = loadLanes(y, lanes);
  const slope = f32x4.mul(values, f32x4.sub(f32x4.splat(1), values));
  storeLanes(dx, f32x4.mul(loadLanes(dy, lanes), slope), lanes);
}

/** y = x · sigmoid(x) (Ramachandran, Zoph and Le, 2017) */
export function swish(x: usize, y: usize, count: i32): void {
  const whole = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) putSwish(x + at, y + at, 4);
  if (count & 3) putSwish(x + whole, y + whole, count & 3);
}

@inline
function putSwish(x: usize, y: usize, lanes: i32): void {
  const values = loadLanes(x, lanes);
  storeLanes(y, f32x4.mul(values, sigmoid(values)), lanes);
}

/** dx = dy · (s + x · s · (1 − s)), where s is the sigmoid of x. */
export function swishGradient(dy: usize, x: usize, dx: usize, count: i32): void {
  const whole = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) putSwishSlope(dy + at, x + at, dx + at, 4);
  if (count & 3) putSwishSlope(dy + whole, x + whole, dx + whole, count & 3);
}

@inline
function putSwishSlope(dy: usize, x: usize, dx: usize, lanes: i32): void {
  const values = loadLanes(x, lanes);
  const s = sigmoid(values);
  const slope = f32x4.add(s, f32x4.mul(f32x4.mul(values, s), f32x4.sub(f32x4.splat(1), s)));
  storeLanes(dx, f32x4.mul(loadLanes(dy, lanes), slope), lanes);
}
