// Values that belong to all rows of a matrix: x is [outer, rows, columns], what is repeated or summed [outer, columns]. Squeeze and excitation, and the
// gradients of sums and means.

import { loadLanes, storeLanes } from './lanes';

/** out = x · factors */
export function scaleRows(x: usize, factors: usize, out: usize, outer: i32, rows: i32, columns: i32): void {
  const step = <usize>columns << 2;
  const whole = <usize>(columns & ~3) << 2;
  for (let index = 0; index < outer; index++) {
    for (let row = 0; row < rows; row++) {
      for (let at: usize = 0; at < whole; at += 16) multiply(x + at, factors + at, out + at, 4);
      if (columns & 3) multiply(x + whole, factors + whole, out + whole, columns & 3);
      x += step;
      out += step;
    }
    factors += step;
  }
}

@inline
function multiply(x: usize, y: usize, out: usize, lanes: i32): void {
  storeLanes(out, f32x4.mul(loadLanes(x, lanes), loadLanes(y, lanes)), lanes);
}

/** sums = Σ x · y down the rows */
export function productSums(x: usize, y: usize, sums: usize, outer: i32, rows: i32, columns: i32): void {
  const step = <usize>columns << 2;
  const whole = <usize>(columns & ~3) << 2;
  for (let index = 0; index < outer; index++) {
    for (let at: usize = 0; at < whole; at += 16) multiplyColumn(x + at, y + at, sums + at, rows, step, 4);
    if (columns & 3) multiplyColumn(x + whole, y + whole, sums + whole, rows, step, columns & 3);
    x += <usize>rows * step;
    y += <usize>rows * step;
    sums += step;
  }
}

@inline
function multiplyColumn(x: usize, y: usize, sums: usize, rows: i32, step: usize, lanes: i32): void {
  let sum = f32x4.splat(0);
  for (let row = 0; row < rows; row++) {
    sum = f32x4.add(sum, f32x4.mul(loadLanes(x, lanes), loadLanes(y, lanes)));
    x += step;
    y += step;
  }
  storeLanes(sums, sum, lanes);
}

/** out = factor · x, in each row */
export function repeatRows(x: usize, out: usize, outer: i32, rows: i32, columns: i32, factor: f32): void {
  const step = <usize>columns << 2;
  const factors = f32x4.splat(factor);
  for (let index = 0; index < outer; index++) {
    for (let column = 0; column < columns; column += 4) {
      const lanes = columns - column;
      const at = <usize>column << 2;
      storeLanes(out + at, f32x4.mul(loadLanes(x + at, lanes), factors), lanes);
    }
    for (let row = 1; row < rows; row++) memory.copy(out + <usize>row * step, out, step);
    x += step;
    out += <usize>rows * step;
  }
}
