// The depthwise convolution with one filter a channel, and its gradients. Several filters a channel (a depth multiplier) are this one on repeated
// channels. All three walk through the same rows of pixels that a tap of the filter connects; what they do with such a row is the only difference.

import { Geometry } from './geometry';
import { loadLanes, storeLanes } from './lanes';

/** x [pixels, channels] → out [pixels, channels · times], each channel `times` times in a row. */
export function repeatChannels(x: usize, out: usize, values: i32, times: i32): void {
  for (let index = 0; index < values; index++) {
    const value = load<f32>(x);
    x += 4;
    for (let copy = 0; copy < times; copy++) {
      store<f32>(out, value);
      out += 4;
    }
  }
}

/** x [pixels, channels · times] → out [pixels, channels], the sum over each run of `times`. */
export function sumChannels(x: usize, out: usize, values: i32, times: i32): void {
  for (let index = 0; index < values; index++) {
    let sum: f32 = 0;
    for (let copy = 0; copy < times; copy++) {
      sum += load<f32>(x);
      x += 4;
    }
    store<f32>(out, sum);
    out += 4;
  }
}

/** y from x and w [filterHeight, filterWidth, outChannels]; x has `outChannels` channels, too. */
export function depthwiseForward(x: usize, w: usize, y: usize, geometry: Geometry): void {
  memory.fill(y, 0, <usize>(geometry.images * geometry.outHeight * geometry.outWidth * geometry.outChannels) << 2);
  walkTaps(x, y, w, geometry, FORWARD);
}

/** dx from dy and w. */
export function depthwiseInputGradient(dy: usize, w: usize, dx: usize, geometry: Geometry): void {
  memory.fill(dx, 0, <usize>(geometry.images * geometry.height * geometry.width * geometry.outChannels) << 2);
  walkTaps(dx, dy, w, geometry, INPUT_GRADIENT);
}

/** dw from x and dy. */
export function depthwiseFilterGradient(x: usize, dy: usize, dw: usize, geometry: Geometry): void {
  memory.fill(dw, 0, <usize>(geometry.filterHeight * geometry.filterWidth * geometry.outChannels) << 2);
  walkTaps(x, dy, dw, geometry, FILTER_GRADIENT);
}

const FORWARD = 0;
const INPUT_GRADIENT = 1;
const FILTER_GRADIENT = 2;

/**
 * For each output row and each tap: the pixels of the row whose tap lies within the image, and their pixels there. What is written to is zero at first.
 */
function walkTaps(x: usize, y: usize, w: usize, geometry: Geometry, what: i32): void {
  const channels = geometry.outChannels;
  const pixel = <usize>channels << 2;
  const stride = geometry.columnStride;
  const xStep = pixel * <usize>stride;
  const taps = geometry.filterHeight * geometry.filterWidth;
  for (let row = 0; row < geometry.images * geometry.outHeight; row++) {
    const image = row / geometry.outHeight;
    const first = (row - image * geometry.outHeight) * geometry.rowStride - geometry.top;
    for (let tap = 0; tap < taps; tap++) {
      const tapRow = tap / geometry.filterWidth;
      const xRow = first + tapRow * geometry.rowDilation;
      if (xRow < 0 || xRow >= geometry.height) continue;
      const offset = (tap - tapRow * geometry.filterWidth) * geometry.columnDilation - geometry.left;
      const start = firstInside(offset, stride);
      const count = endInside(offset, stride, geometry.width, geometry.outWidth) - start;
      if (count <= 0) continue;
      const xPixel = (image * geometry.height + xRow) * geometry.width + start * stride + offset;
      const xAt = x + <usize>xPixel * pixel;
      const yAt = y + <usize>(row * geometry.outWidth + start) * pixel;
      const tapAt = w + <usize>tap * pixel;
      if (what === FORWARD) addProducts(xAt, xStep, tapAt, yAt, pixel, channels, count);
      else if (what === INPUT_GRADIENT) addProducts(yAt, pixel, tapAt, xAt, xStep, channels, count);
      else addDots(xAt, xStep, yAt, pixel, tapAt, channels, count);
    }
  }
}

/** First output column whose tap lies within the image: the smallest j ≥ 0 with j · stride + offset ≥ 0. */
@inline
function firstInside(offset: i32, stride: i32): i32 {
  return offset >= 0 ? 0 : (stride - 1 - offset) / stride;
}

/** One beyond the last output column whose tap lies within the image. */
@inline
function endInside(offset: i32, stride: i32, size: i32, outSize: i32): i32 {
  return offset >= size ? 0 : min(outSize, (size - 1 - offset) / stride + 1);
}

/** target[pixel, channel] += source[pixel, channel] · w[channel]; pixels are as many bytes apart as the steps say. */
function addProducts(
  source: usize,
  sourceStep: usize,
  w: usize,
  target: usize,
  targetStep: usize,
  channels: i32,
  count: i32,
): void {
  const wide = <usize>(channels & ~15) << 2;
  const whole = <usize>(channels & ~3) << 2;
  let at: usize = 0;
  for (; at < wide; at += 64) {
    const w0 = v128.load(w + at);
    const w1 = v128.load(w + at, 16);
    const w2 = v128.load(w + at, 32);
    const w3 = v128.load(w + at, 48);
    let from = source + at;
    let to = target + at;
    for (let index = 0; index < count; index++) {
      v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(from), w0)));
      v128.store(to, f32x4.add(v128.load(to, 16), f32x4.mul(v128.load(from, 16), w1)), 16);
      v128.store(to, f32x4.add(v128.load(to, 32), f32x4.mul(v128.load(from, 32), w2)), 32);
      v128.store(to, f32x4.add(v128.load(to, 48), f32x4.mul(v128.load(from, 48), w3)), 48);
      from += sourceStep;
      to += targetStep;
    }
  }
  for (; at < whole; at += 16) addColumn(source + at, sourceStep, w + at, target + at, targetStep, count, 4);
  if (channels & 3) addColumn(source + at, sourceStep, w + at, target + at, targetStep, count, channels & 3);
}

@inline
function addColumn(
  source: usize,
  sourceStep: usize,
  w: usize,
  target: usize,
  targetStep: usize,
  count: i32,
  lanes: i32,
): void {
  const weight = loadLanes(w, lanes);
  for (let index = 0; index < count; index++) {
    const product = f32x4.mul(loadLanes(source, lanes), weight);
    storeLanes(target, f32x4.add(loadLanes(target, lanes), product), lanes);
    source += sourceStep;
    target += targetStep;
  }
}

/** sums[channel] += Σ a[pixel, channel] · b[pixel, channel] */
function addDots(a: usize, aStep: usize, b: usize, bStep: usize, sums: usize, channels: i32, count: i32): void {
  const wide = <usize>(channels & ~15) << 2;
  const whole = <usize>(channels & ~3) << 2;
  let at: usize = 0;
  for (; at < wide; at += 64) {
    // The sum of a row is taken apart before it joins the total: smaller rounding errors.
    let s0 = f32x4.splat(0);
    let s1 = s0, s2 = s0, s3 = s0;
    let p = a + at;
    let q = b + at;
    for (let index = 0; index < count; index++) {
      s0 = f32x4.add(s0, f32x4.mul(v128.load(p), v128.load(q)));
      s1 = f32x4.add(s1, f32x4.mul(v128.load(p, 16), v128.load(q, 16)));
      s2 = f32x4.add(s2, f32x4.mul(v128.load(p, 32), v128.load(q, 32)));
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p, 48), v128.load(q, 48)));
      p += aStep;
      q += bStep;
    }
    v128.store(sums + at, f32x4.add(v128.load(sums + at), s0));
    v128.store(sums + at, f32x4.add(v128.load(sums + at, 16), s1), 16);
    v128.store(sums + at, f32x4.add(v128.load(sums + at, 32), s2), 32);
    v128.store(sums + at, f32x4.add(v128.load(sums + at, 48), s3), 48);
  }
  for (; at < whole; at += 16) addDot(a + at, aStep, b + at, bStep, sums + at, count, 4);
  if (channels & 3) addDot(a + at, aStep, b + at, bStep, sums + at, count, channels & 3);
}

@inline
function addDot(a: usize, aStep: usize, b: usize, bStep: usize, sums: usize, count: i32, lanes: i32): void {
  let sum = f32x4.splat(0);
  for (let index = 0; index < count; index++) {
    sum = f32x4.add(sum, f32x4.mul(loadLanes(a, lanes), loadLanes(b, lanes)));
    a += aStep;
    b += bStep;
  }
  storeLanes(sums, f32x4.add(loadLanes(sums, lanes), sum), lanes);
}
