// Layer normalisation for training, fused: each row by itself.

import { loadLanes, storeLanes, total } from './lanes';

/**
 * y = (x − mean) / √(variance + epsilon) · gamma + beta along the rows of x [rows, channels]. Results too: the mean and the reciprocal of the
 * deviation of each row.
 */
export function layerNormForward(
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  mean: usize,
  scale: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
): void {
  const step = (<usize>channels) << 2;
  const size = <f32>channels;
  for (let row = 0; row < rows; row++) {
    let sums = f32x4.splat(0);
    for (let channel = 0; channel < channels; channel += 4) {
      sums = f32x4.add(sums, loadLanes(x + ((<usize>channel) << 2), channels - channel));
    }
    const center: f32 = total(sums) / size;
    const centers = f32x4.splat(center);
    let squares = f32x4.splat(0);
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const difference = f32x4.sub(loadLanes(x + ((<usize>channel) << 2), lanes), centers);
      if (lanes >= 4) squares = f32x4.add(squares, f32x4.mul(difference, difference));
      else squares = f32x4.add(squares, keepLanes(f32x4.mul(difference, difference), lanes));
    }
    const factor: f32 = 1 / sqrt<f32>(total(squares) / size + epsilon);
    const factors = f32x4.splat(factor);
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const at = (<usize>channel) << 2;
      const normed = f32x4.mul(f32x4.sub(loadLanes(x + at, lanes), centers), factors);
      const scaled = f32x4.mul(normed, loadLanes(gamma + at, lanes));
      storeLanes(y + at, f32x4.add(scaled, loadLanes(beta + at, lanes)), lanes);
    }
    store<f32>(mean, center);
    store<f32>(scale, factor);
    mean += 4;
    scale += 4;
    x += step;
    y += step;
  }
}

/** The first `lanes` (1 to 3) values; zero in the others. */
function keepLanes(values: v128, lanes: i32): v128 {
  const index = i32x4(0, 1, 2, 3);
  return v128.and(values, i32x4.lt_s(index, i32x4.splat(lanes)));
}

/** Gradients of layerNormForward. */
export function layerNormBackward(
  x: usize,
  dy: usize,
  gamma: usize,
  mean: usize,
  scale: usize,
  dx: usize,
  dGamma: usize,
  dBeta: usize,
  rows: i32,
  channels: i32,
): void {
  const step = (<usize>channels) << 2;
  const size = <f32>channels;
  memory.fill(dGamma, 0, step);
  memory.fill(dBeta, 0, step);
  for (let row = 0; row < rows; row++) {
    const centers = f32x4.splat(load<f32>(mean));
    const factors = f32x4.splat(load<f32>(scale));
    let sums = f32x4.splat(0);
    let products = f32x4.splat(0);
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const at = (<usize>channel) << 2;
      const d = loadLanes(dy + at, lanes);
      const normed = f32x4.mul(f32x4.sub(loadLanes(x + at, lanes), centers), factors);
      storeLanes(dBeta + at, f32x4.add(loadLanes(dBeta + at, lanes), d), lanes);
      storeLanes(dGamma + at, f32x4.add(loadLanes(dGamma + at, lanes), f32x4.mul(d, normed)), lanes);
      const inner = f32x4.mul(d, loadLanes(gamma + at, lanes));
      sums = f32x4.add(sums, inner);
      products = f32x4.add(products, f32x4.mul(inner, normed));
    }
    const meanSum = f32x4.splat(total(sums) / size);
    const meanProduct = f32x4.splat(total(products) / size);
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const at = (<usize>channel) << 2;
      const normed = f32x4.mul(f32x4.sub(loadLanes(x + at, lanes), centers), factors);
      const inner = f32x4.mul(loadLanes(dy + at, lanes), loadLanes(gamma + at, lanes));
      const rest = f32x4.add(meanSum, f32x4.mul(normed, meanProduct));
      storeLanes(dx + at, f32x4.mul(factors, f32x4.sub(inner, rest)), lanes);
    }
    mean += 4;
    scale += 4;
    x += step;
    dy += step;
    dx += step;
  }
}
