// Batch and layer normalisation for training, fused: the moments, the normalised values, and all gradients in two passes over the data each.

import { loadLanes, storeLanes, total } from './lanes';

/** Rows whose moments are taken together while they lie in the nearest cache. */
const BLOCK: i32 = 64;

/**
 * y = (x − mean) / √(variance + epsilon) · gamma + beta down the columns of x [rows, channels], with the mean and the (biased) variance of each
 * column, which are results too. Moments of blocks are joined by the formula of Chan, Golub and LeVeque (1983), which does not cancel.
 * @param scratch - 2 · channels values
 */
export function batchNormForward(
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  mean: usize,
  variance: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
): void {
  const step = (<usize>channels) << 2;
  memory.fill(mean, 0, step);
  memory.fill(variance, 0, step);
  for (let first = 0; first < rows; first += BLOCK) {
    joinMoments(x + <usize>first * step, mean, variance, first, min(BLOCK, rows - first), channels);
  }
  const factors = scratch;
  const offsets = scratch + step;
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = channels - channel;
    const at = (<usize>channel) << 2;
    const spread = f32x4.div(loadLanes(variance + at, lanes), f32x4.splat(<f32>rows));
    storeLanes(variance + at, spread, lanes);
    const deviation = f32x4.sqrt(f32x4.add(spread, f32x4.splat(epsilon)));
    const factor = f32x4.div(loadLanes(gamma + at, lanes), deviation);
    storeLanes(factors + at, factor, lanes);
    const shift = f32x4.mul(loadLanes(mean + at, lanes), factor);
    storeLanes(offsets + at, f32x4.sub(loadLanes(beta + at, lanes), shift), lanes);
  }
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const at = (<usize>channel) << 2;
      const scaled = f32x4.mul(loadLanes(x + at, lanes), loadLanes(factors + at, lanes));
      storeLanes(y + at, f32x4.add(scaled, loadLanes(offsets + at, lanes)), lanes);
    }
    x += step;
    y += step;
  }
}

/** Joins `count` more rows to the mean and to the sum of squared deviations of `before` rows. */
function joinMoments(x: usize, mean: usize, squares: usize, before: i32, count: i32, channels: i32): void {
  const step = (<usize>channels) << 2;
  const share = f32x4.splat(<f32>count / <f32>(before + count));
  const weight = f32x4.splat(<f32>((<f64>before * <f64>count) / <f64>(before + count)));
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = channels - channel;
    const at = (<usize>channel) << 2;
    let sum = f32x4.splat(0);
    let from = x + at;
    for (let row = 0; row < count; row++) {
      sum = f32x4.add(sum, loadLanes(from, lanes));
      from += step;
    }
    const center = f32x4.div(sum, f32x4.splat(<f32>count));
    let deviations = f32x4.splat(0);
    from = x + at;
    for (let row = 0; row < count; row++) {
      const difference = f32x4.sub(loadLanes(from, lanes), center);
      deviations = f32x4.add(deviations, f32x4.mul(difference, difference));
      from += step;
    }
    const known = loadLanes(mean + at, lanes);
    const shift = f32x4.sub(center, known);
    storeLanes(mean + at, f32x4.add(known, f32x4.mul(shift, share)), lanes);
    deviations = f32x4.add(deviations, f32x4.mul(f32x4.mul(shift, shift), weight));
    storeLanes(squares + at, f32x4.add(loadLanes(squares + at, lanes), deviations), lanes);
  }
}

/**
 * Gradients of batchNormForward, also through the moments (Ioffe and Szegedy, 2015):
 * dx = gamma / √(variance + epsilon) · (dy − mean(dy) − x̂ · mean(dy · x̂)).
 * @param scratch - 3 · channels values
 */
export function batchNormBackward(
  x: usize,
  dy: usize,
  gamma: usize,
  mean: usize,
  variance: usize,
  dx: usize,
  dGamma: usize,
  dBeta: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
): void {
  const step = (<usize>channels) << 2;
  memory.fill(dGamma, 0, step);
  memory.fill(dBeta, 0, step);
  for (let first = 0; first < rows; first += BLOCK) {
    const shift = <usize>first * step;
    joinGradients(x + shift, dy + shift, mean, dGamma, dBeta, min(BLOCK, rows - first), channels);
  }
  // dx = a · dy + b · x + c in each column.
  const as = scratch;
  const bs = as + step;
  const cs = bs + step;
  const inverse = f32x4.splat(1 / <f32>rows);
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = channels - channel;
    const at = (<usize>channel) << 2;
    const deviation = f32x4.sqrt(f32x4.add(loadLanes(variance + at, lanes), f32x4.splat(epsilon)));
    const scale = f32x4.div(f32x4.splat(1), deviation);
    const slope = f32x4.mul(loadLanes(dGamma + at, lanes), scale);
    storeLanes(dGamma + at, slope, lanes);
    const a = f32x4.mul(loadLanes(gamma + at, lanes), scale);
    const b = f32x4.neg(f32x4.mul(a, f32x4.mul(f32x4.mul(slope, inverse), scale)));
    storeLanes(as + at, a, lanes);
    storeLanes(bs + at, b, lanes);
    storeLanes(cs + at, f32x4.neg(f32x4.mul(a, f32x4.mul(loadLanes(dBeta + at, lanes), inverse))), lanes);
  }
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < channels; channel += 4) {
      const lanes = channels - channel;
      const at = (<usize>channel) << 2;
      const direct = f32x4.mul(loadLanes(dy + at, lanes), loadLanes(as + at, lanes));
      const centered = f32x4.sub(loadLanes(x + at, lanes), loadLanes(mean + at, lanes));
      const indirect = f32x4.add(f32x4.mul(centered, loadLanes(bs + at, lanes)), loadLanes(cs + at, lanes));
      storeLanes(dx + at, f32x4.add(direct, indirect), lanes);
    }
    x += step;
    dy += step;
    dx += step;
  }
}

/** sums += Σ dy, products += Σ dy · (x − mean), down the columns. */
function joinGradients(
  x: usize,
  dy: usize,
  mean: usize,
  products: usize,
  sums: usize,
  count: i32,
  channels: i32,
): void {
  const step = (<usize>channels) << 2;
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = channels - channel;
    const at = (<usize>channel) << 2;
    const center = loadLanes(mean + at, lanes);
    let sum = f32x4.splat(0);
    let product = sum;
    let from = x + at;
    let slope = dy + at;
    for (let row = 0; row < count; row++) {
      const d = loadLanes(slope, lanes);
      sum = f32x4.add(sum, d);
      product = f32x4.add(product, f32x4.mul(d, f32x4.sub(loadLanes(from, lanes), center)));
      from += step;
      slope += step;
    }
    storeLanes(sums + at, f32x4.add(loadLanes(sums + at, lanes), sum), lanes);
    storeLanes(products + at, f32x4.add(loadLanes(products + at, lanes), product), lanes);
  }
}

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
