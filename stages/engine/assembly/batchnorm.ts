// Batch normalisation for training, fused: the moments, the normalised values, and all gradients in two passes over the data each.

import { loadLanes, storeLanes } from './lanes';

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
  const whole = <usize>(channels & ~3) << 2;
  const rest = channels & 3;
  const size: f32 = <f32>rows;
  for (let at: usize = 0; at < whole; at += 16) {
    putFactors(gamma + at, beta + at, mean + at, variance + at, factors + at, offsets + at, size, epsilon, 4);
  }
  if (rest) {
    const at = whole;
    putFactors(gamma + at, beta + at, mean + at, variance + at, factors + at, offsets + at, size, epsilon, rest);
  }
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < whole; at += 16) putScaled(x + at, factors + at, offsets + at, y + at, 4);
    if (rest) putScaled(x + whole, factors + whole, offsets + whole, y + whole, rest);
    x += step;
    y += step;
  }
}

/** The sums of squares become variances; y = factor · x + offset. */
@inline
function putFactors(
  gamma: usize,
  beta: usize,
  mean: usize,
  variance: usize,
  factors: usize,
  offsets: usize,
  rows: f32,
  epsilon: f32,
  lanes: i32,
): void {
  const spread = f32x4.div(loadLanes(variance, lanes), f32x4.splat(rows));
  storeLanes(variance, spread, lanes);
  const deviation = f32x4.sqrt(f32x4.add(spread, f32x4.splat(epsilon)));
  const factor = f32x4.div(loadLanes(gamma, lanes), deviation);
  storeLanes(factors, factor, lanes);
  storeLanes(offsets, f32x4.sub(loadLanes(beta, lanes), f32x4.mul(loadLanes(mean, lanes), factor)), lanes);
}

@inline
function putScaled(x: usize, factors: usize, offsets: usize, y: usize, lanes: i32): void {
  const scaled = f32x4.mul(loadLanes(x, lanes), loadLanes(factors, lanes));
  storeLanes(y, f32x4.add(scaled, loadLanes(offsets, lanes)), lanes);
}

/** Joins `count` more rows to the mean and to the sum of squared deviations of `before` rows. */
function joinMoments(x: usize, mean: usize, squares: usize, before: i32, count: i32, channels: i32): void {
  const step = (<usize>channels) << 2;
  const share = f32x4.splat(<f32>count / <f32>(before + count));
  const weight = f32x4.splat(<f32>((<f64>before * <f64>count) / <f64>(before + count)));
  const whole = <usize>(channels & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) {
    joinColumn(x + at, mean + at, squares + at, share, weight, count, step, 4);
  }
  if (channels & 3) joinColumn(x + whole, mean + whole, squares + whole, share, weight, count, step, channels & 3);
}

@inline
function joinColumn(
  x: usize,
  mean: usize,
  squares: usize,
  share: v128,
  weight: v128,
  count: i32,
  step: usize,
  lanes: i32,
): void {
  let sum = f32x4.splat(0);
  let from = x;
  for (let row = 0; row < count; row++) {
    sum = f32x4.add(sum, loadLanes(from, lanes));
    from += step;
  }
  const center = f32x4.div(sum, f32x4.splat(<f32>count));
  let deviations = f32x4.splat(0);
  from = x;
  for (let row = 0; row < count; row++) {
    const difference = f32x4.sub(loadLanes(from, lanes), center);
    deviations = f32x4.add(deviations, f32x4.mul(difference, difference));
    from += step;
  }
  const known = loadLanes(mean, lanes);
  const shift = f32x4.sub(center, known);
  storeLanes(mean, f32x4.add(known, f32x4.mul(shift, share)), lanes);
  deviations = f32x4.add(deviations, f32x4.mul(f32x4.mul(shift, shift), weight));
  storeLanes(squares, f32x4.add(loadLanes(squares, lanes), deviations), lanes);
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
  const inverse: f32 = 1 / <f32>rows;
  const whole = <usize>(channels & ~3) << 2;
  const rest = channels & 3;
  for (let at: usize = 0; at < whole; at += 16) {
    putSlopes(variance + at, gamma + at, dGamma + at, dBeta + at, as + at, bs + at, cs + at, inverse, epsilon, 4);
  }
  if (rest) {
    const at = whole;
    putSlopes(variance + at, gamma + at, dGamma + at, dBeta + at, as + at, bs + at, cs + at, inverse, epsilon, rest);
  }
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < whole; at += 16) {
      putSlope(x + at, dy + at, mean + at, as + at, bs + at, cs + at, dx + at, 4);
    }
    if (rest) {
      const at = whole;
      putSlope(x + at, dy + at, mean + at, as + at, bs + at, cs + at, dx + at, rest);
    }
    x += step;
    dy += step;
    dx += step;
  }
}

/** Finishes dGamma and gives the factors of each column. */
@inline
function putSlopes(
  variance: usize,
  gamma: usize,
  dGamma: usize,
  dBeta: usize,
  as: usize,
  bs: usize,
  cs: usize,
  inverse: f32,
  epsilon: f32,
  lanes: i32,
): void {
  const share = f32x4.splat(inverse);
  const deviation = f32x4.sqrt(f32x4.add(loadLanes(variance, lanes), f32x4.splat(epsilon)));
  const scale = f32x4.div(f32x4.splat(1), deviation);
  const slope = f32x4.mul(loadLanes(dGamma, lanes), scale);
  storeLanes(dGamma, slope, lanes);
  const a = f32x4.mul(loadLanes(gamma, lanes), scale);
  storeLanes(as, a, lanes);
  storeLanes(bs, f32x4.neg(f32x4.mul(a, f32x4.mul(f32x4.mul(slope, share), scale))), lanes);
  storeLanes(cs, f32x4.neg(f32x4.mul(a, f32x4.mul(loadLanes(dBeta, lanes), share))), lanes);
}

@inline
function putSlope(x: usize, dy: usize, mean: usize, as: usize, bs: usize, cs: usize, dx: usize, lanes: i32): void {
  const direct = f32x4.mul(loadLanes(dy, lanes), loadLanes(as, lanes));
  const centered = f32x4.sub(loadLanes(x, lanes), loadLanes(mean, lanes));
  const indirect = f32x4.add(f32x4.mul(centered, loadLanes(bs, lanes)), loadLanes(cs, lanes));
  storeLanes(dx, f32x4.add(direct, indirect), lanes);
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
  const whole = <usize>(channels & ~3) << 2;
  const rest = channels & 3;
  for (let at: usize = 0; at < whole; at += 16) {
    joinSlopes(x + at, dy + at, mean + at, products + at, sums + at, count, step, 4);
  }
  if (rest) joinSlopes(x + whole, dy + whole, mean + whole, products + whole, sums + whole, count, step, rest);
}

@inline
function joinSlopes(
  x: usize,
  dy: usize,
  mean: usize,
  products: usize,
  sums: usize,
  count: i32,
  step: usize,
  lanes: i32,
): void {
  const center = loadLanes(mean, lanes);
  let sum = f32x4.splat(0);
  let product = sum;
  for (let row = 0; row < count; row++) {
    const d = loadLanes(dy, lanes);
    sum = f32x4.add(sum, d);
    product = f32x4.add(product, f32x4.mul(d, f32x4.sub(loadLanes(x, lanes), center)));
    x += step;
    dy += step;
  }
  storeLanes(sums, f32x4.add(loadLanes(sums, lanes), sum), lanes);
  storeLanes(products, f32x4.add(loadLanes(products, lanes), product), lanes);
}
