// 3 × 3 convolutions with stride 1 by the minimal filtering algorithm F(2×2, 3×3) of Winograd (Lavin and Gray, 2016): 16 products for four output
// pixels instead of 36. An output tile of 2 × 2 pixels needs an input tile of 4 × 4; both are taken to a space of 16 positions, in which a convolution
// is a product of matrices at each position:
//
//   y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A      dw = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ x B)] G
//
//   Bᵀ = 1  0 −1  0    G = 1   0   0    Aᵀ = 1 1  1  0
//        0  1  1  0        ½   ½   ½         0 1 −1 −1
//        0 −1  1  0        ½  −½   ½
//        0  1  0 −1        0   0   1
//
// Tiles are numbered through images, rows and columns; a block of them at a time, so that the positions stay in the cache: [position, tile, channel].
// All numbers of channels are multiples of 4. The sums over tiles and channels have a fixed order.

import { convolve } from './convolve';
import { BLOCK, locate } from './grid';
import { addBlock } from './outer';
import { packFilter, packTransposed, unpack } from './pack';

/** Tiles of a block: forward, and for the gradient by the filter, whose sums are read and written once a block. */
const FORWARD_TILES: i32 = 32;
const GRADIENT_TILES: i32 = 64;

@lazy
const half: v128 = f32x4(0.5, 0.5, 0.5, 0.5);

/** Bytes from one position to the next. The 64 more keep the 16 streams out of the same lines of the cache. */
@inline
function positionStep(tiles: i32, channels: i32): usize {
  return (<usize>(tiles * channels) << 2) + 64;
}

@inline
function panelBytes(depth: i32, channels: i32): usize {
  return (<usize>(depth + 1) * <usize>((channels + 7) >> 3)) << 5;
}

/**
 * w [3, 3, inputs, outputs] → 16 packed matrices. `turned`: those of the gradient by the input, a convolution of dy with the filter turned by 180°,
 * from outputs to inputs.
 * @param scratch - 16 · inputs · outputs values
 */
export function winogradFilter(w: usize, panels: usize, scratch: usize, inputs: i32, outputs: i32, turned: i32): void {
  const size = <usize>(inputs * outputs) << 2;
  for (let at: usize = 0; at < size; at += 16) {
    // G w, a column of taps at a time: rows 0, 1, 2 and 3 of it.
    for (let column: usize = 0; column < 3; column++) {
      const tap = w + at + (turned ? 2 - column : column) * size;
      const top = v128.load(turned ? tap + 6 * size : tap);
      const middle = v128.load(tap + 3 * size);
      const bottom = v128.load(turned ? tap : tap + 6 * size);
      const outer = f32x4.mul(f32x4.add(top, bottom), half);
      const inner = f32x4.mul(middle, half);
      const to = scratch + at + column * size;
      v128.store(to, top);
      v128.store(to + 4 * size, f32x4.add(outer, inner));
      v128.store(to + 8 * size, f32x4.sub(outer, inner));
      v128.store(to + 12 * size, bottom);
    }
    // (G w) Gᵀ, in place: the fourth place of each row is still free.
    for (let row: usize = 0; row < 4; row++) {
      const to = scratch + at + row * 4 * size;
      const left = v128.load(to);
      const right = v128.load(to + 2 * size);
      const inner = f32x4.mul(v128.load(to + size), half);
      const outer = f32x4.mul(f32x4.add(left, right), half);
      v128.store(to + size, f32x4.add(outer, inner));
      v128.store(to + 2 * size, f32x4.sub(outer, inner));
      v128.store(to + 3 * size, right);
    }
  }
  const step = turned ? panelBytes(outputs, inputs) : panelBytes(inputs, outputs);
  for (let position = 0; position < 16; position++) {
    if (turned) packTransposed(scratch, panels, 1, 1, inputs, outputs, 0, 0, 1, 1);
    else packFilter(scratch, 0, panels, inputs, outputs);
    scratch += size;
    panels += step;
  }
}

/**
 * out [images, outHeight, outWidth, outputs] from x [images, height, width, inputs], with `top` and `left` rows and columns of zeros before x and as many
 * as needed after it.
 * @param bias - 0 for none
 * @param scratch - for the blocks and a table: `16 · (32 · (inputs + outputs) + 32) + 16 · inputs + 2 · 64 + 8` words
 * @param rectify - 1: negative results become 0
 */
export function winogradConvolve(
  x: usize,
  panels: usize,
  bias: usize,
  out: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  inputs: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
  top: i32,
  left: i32,
  rectify: i32,
): void {
  const tiles = images * ((outHeight + 1) >> 1) * ((outWidth + 1) >> 1);
  const fromStep = positionStep(FORWARD_TILES, inputs);
  const toStep = positionStep(FORWARD_TILES, outputs);
  const panelStep = panelBytes(inputs, outputs);
  const products = scratch + 16 * fromStep;
  const window = products + 16 * toStep;
  const table = window + (<usize>inputs << 6);
  const pixel = <usize>inputs << 2;
  const outPixel = <usize>outputs << 2;
  for (let first = 0; first < tiles; first += FORWARD_TILES) {
    const count = min(FORWARD_TILES, tiles - first);
    spreadInputs(x, scratch, fromStep, window, first, count, height, width, inputs, outHeight, outWidth, top, left);
    let from = scratch;
    let to = products;
    let panel = panels;
    for (let position = 0; position < 16; position++) {
      convolve(from, panel, to, table, 1, 1, count, 0, 0, pixel, 0, 0, outPixel, 1, inputs, 0, outputs, 0);
      from += fromStep;
      to += toStep;
      panel += panelStep;
    }
    gatherOutputs(products, toStep, bias, out, first, count, outHeight, outWidth, outputs, rectify);
  }
}

/**
 * dw [3, 3, inputs, outputs] from x and dy; shapes as above.
 * @param sums - 16 packed matrices without starting values
 * @param scratch - as above with 64 tiles a block, and then 64 and `8 * 64` words
 */
export function winogradFilterGradient(
  x: usize,
  dy: usize,
  dw: usize,
  sums: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  inputs: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
  top: i32,
  left: i32,
): void {
  const tiles = images * ((outHeight + 1) >> 1) * ((outWidth + 1) >> 1);
  const fromStep = positionStep(GRADIENT_TILES, inputs);
  const slopeStep = positionStep(GRADIENT_TILES, outputs);
  const sumStep = (<usize>inputs * <usize>((outputs + 7) >> 3)) << 5;
  const slopes = scratch + 16 * fromStep;
  const window = slopes + 16 * slopeStep;
  const table = window + (<usize>inputs << 6);
  const spill = table + (BLOCK << 2);
  locate(table, 0, GRADIENT_TILES, 1, GRADIENT_TILES, 0, 0, <usize>inputs << 2);
  memory.fill(sums, 0, 16 * sumStep);
  for (let first = 0; first < tiles; first += GRADIENT_TILES) {
    const count = min(GRADIENT_TILES, tiles - first);
    spreadInputs(x, scratch, fromStep, window, first, count, height, width, inputs, outHeight, outWidth, top, left);
    spreadSlopes(dy, slopes, slopeStep, first, count, outHeight, outWidth, outputs);
    let from = scratch;
    let slope = slopes;
    let sum = sums;
    for (let position = 0; position < 16; position++) {
      addBlock(from, slope, sum, table, spill, count, 1, inputs, 0, outputs);
      from += fromStep;
      slope += slopeStep;
      sum += sumStep;
    }
  }
  // The scratch is free again: the sums as matrices.
  const size = <usize>(inputs * outputs) << 2;
  for (let position: usize = 0; position < 16; position++) {
    unpack(sums + position * sumStep, scratch + position * size, inputs, outputs);
  }
  gatherFilter(scratch, dw, size);
}

/** Bᵀ x B of the tiles `first` … `first + count − 1`. Tiles that reach beyond the image are put together in `window` first. */
function spreadInputs(
  x: usize,
  to: usize,
  step: usize,
  window: usize,
  first: i32,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  top: i32,
  left: i32,
): void {
  const rows = (outHeight + 1) >> 1;
  const columns = (outWidth + 1) >> 1;
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  for (let tile = first; tile < first + count; tile++) {
    const image = tile / (rows * columns);
    const within = tile - image * rows * columns;
    const row = ((within / columns) << 1) - top;
    const column = ((within % columns) << 1) - left;
    const corner = x + (<usize>image * <usize>height + <usize>row) * line + <usize>column * pixel;
    if (row >= 0 && column >= 0 && row + 4 <= height && column + 4 <= width) {
      spreadInput(corner, line, pixel, to, step);
    } else {
      cutWindow(corner, window, row, column, height, width, pixel);
      spreadInput(window, pixel << 2, pixel, to, step);
    }
    to += pixel;
  }
}

/** The 4 × 4 pixels at (row, column), with zeros for those outside of the image; `corner` is where the first one lies or would lie. */
function cutWindow(corner: usize, window: usize, row: i32, column: i32, height: i32, width: i32, pixel: usize): void {
  memory.fill(window, 0, pixel << 4);
  const start = max(0, -column);
  const end = min(4, width - column);
  if (end <= start) return;
  const line = <usize>width * pixel;
  for (let i = max(0, -row); i < min(4, height - row); i++) {
    const shift = <usize>start * pixel;
    memory.copy(window + (<usize>i << 2) * pixel + shift, corner + <usize>i * line + shift, <usize>(end - start) * pixel);
  }
}

/** A tile: rows 0 and 2, 1 and 2, 1 and 3 of it make the four rows of Bᵀ x, and each of those four positions. */
function spreadInput(x: usize, line: usize, pixel: usize, to: usize, step: usize): void {
  const end = x + pixel;
  while (x < end) {
    let a = x;
    const b = a + line;
    const c = b + line;
    const d = c + line;
    let p0 = f32x4.sub(v128.load(a), v128.load(c));
    let p1 = f32x4.sub(v128.load(a + pixel), v128.load(c + pixel));
    let p2 = f32x4.sub(v128.load(a + 2 * pixel), v128.load(c + 2 * pixel));
    let p3 = f32x4.sub(v128.load(a + 3 * pixel), v128.load(c + 3 * pixel));
    spreadRow(p0, p1, p2, p3, to, step);
    p0 = f32x4.add(v128.load(b), v128.load(c));
    p1 = f32x4.add(v128.load(b + pixel), v128.load(c + pixel));
    p2 = f32x4.add(v128.load(b + 2 * pixel), v128.load(c + 2 * pixel));
    p3 = f32x4.add(v128.load(b + 3 * pixel), v128.load(c + 3 * pixel));
    spreadRow(p0, p1, p2, p3, to + 4 * step, step);
    p0 = f32x4.sub(v128.load(c), v128.load(b));
    p1 = f32x4.sub(v128.load(c + pixel), v128.load(b + pixel));
    p2 = f32x4.sub(v128.load(c + 2 * pixel), v128.load(b + 2 * pixel));
    p3 = f32x4.sub(v128.load(c + 3 * pixel), v128.load(b + 3 * pixel));
    spreadRow(p0, p1, p2, p3, to + 8 * step, step);
    p0 = f32x4.sub(v128.load(b), v128.load(d));
    p1 = f32x4.sub(v128.load(b + pixel), v128.load(d + pixel));
    p2 = f32x4.sub(v128.load(b + 2 * pixel), v128.load(d + 2 * pixel));
    p3 = f32x4.sub(v128.load(b + 3 * pixel), v128.load(d + 3 * pixel));
    spreadRow(p0, p1, p2, p3, to + 12 * step, step);
    x += 16;
    to += 16;
  }
}

@inline
function spreadRow(p0: v128, p1: v128, p2: v128, p3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.sub(p0, p2));
  v128.store(to + step, f32x4.add(p1, p2));
  v128.store(to + 2 * step, f32x4.sub(p2, p1));
  v128.store(to + 3 * step, f32x4.sub(p1, p3));
}

/** Aᵀ m A of the tiles, and what comes after it; pixels beyond the image are left out. */
function gatherOutputs(
  from: usize,
  step: usize,
  bias: usize,
  out: usize,
  first: i32,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  rectify: i32,
): void {
  const rows = (height + 1) >> 1;
  const columns = (width + 1) >> 1;
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  const floor = f32x4.splat(rectify ? 0 : -Infinity);
  for (let tile = first; tile < first + count; tile++) {
    const image = tile / (rows * columns);
    const within = tile - image * rows * columns;
    const row = (within / columns) << 1;
    const column = (within % columns) << 1;
    const below = row + 1 < height;
    const beside = column + 1 < width;
    let to = out + (<usize>image * <usize>height + <usize>row) * line + <usize>column * pixel;
    for (let at: usize = 0; at < pixel; at += 16) {
      const start = bias === 0 ? f32x4.splat(0) : v128.load(bias + at);
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      const a = from;
      const b = a + 4 * step;
      const c = b + 4 * step;
      const d = c + 4 * step;
      let inner = v128.load(b);
      let other = v128.load(c);
      s0 = f32x4.add(v128.load(a), f32x4.add(inner, other));
      t0 = f32x4.sub(f32x4.sub(inner, other), v128.load(d));
      inner = v128.load(b + step);
      other = v128.load(c + step);
      s1 = f32x4.add(v128.load(a + step), f32x4.add(inner, other));
      t1 = f32x4.sub(f32x4.sub(inner, other), v128.load(d + step));
      inner = v128.load(b + 2 * step);
      other = v128.load(c + 2 * step);
      s2 = f32x4.add(v128.load(a + 2 * step), f32x4.add(inner, other));
      t2 = f32x4.sub(f32x4.sub(inner, other), v128.load(d + 2 * step));
      inner = v128.load(b + 3 * step);
      other = v128.load(c + 3 * step);
      s3 = f32x4.add(v128.load(a + 3 * step), f32x4.add(inner, other));
      t3 = f32x4.sub(f32x4.sub(inner, other), v128.load(d + 3 * step));
      putSum(to, s0, f32x4.add(s1, s2), start, floor);
      if (beside) putSum(to + pixel, f32x4.sub(s1, s2), f32x4.neg(s3), start, floor);
      if (below) putSum(to + line, t0, f32x4.add(t1, t2), start, floor);
      if (below && beside) putSum(to + line + pixel, f32x4.sub(t1, t2), f32x4.neg(t3), start, floor);
      from += 16;
      to += 16;
    }
  }
}

@inline
function putSum(to: usize, a: v128, b: v128, start: v128, floor: v128): void {
  v128.store(to, f32x4.pmax(f32x4.add(f32x4.add(a, b), start), floor));
}

/** A dy Aᵀ of the tiles; zero beyond the image. */
function spreadSlopes(
  dy: usize,
  to: usize,
  step: usize,
  first: i32,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
): void {
  const rows = (height + 1) >> 1;
  const columns = (width + 1) >> 1;
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  const zero = f32x4.splat(0);
  for (let tile = first; tile < first + count; tile++) {
    const image = tile / (rows * columns);
    const within = tile - image * rows * columns;
    const row = (within / columns) << 1;
    const column = (within % columns) << 1;
    const below = row + 1 < height;
    const beside = column + 1 < width;
    let from = dy + (<usize>image * <usize>height + <usize>row) * line + <usize>column * pixel;
    for (let at: usize = 0; at < pixel; at += 16) {
      const a = v128.load(from);
      const b = beside ? v128.load(from + pixel) : zero;
      const c = below ? v128.load(from + line) : zero;
      const d = below && beside ? v128.load(from + line + pixel) : zero;
      spreadPair(a, b, to, step);
      spreadPair(f32x4.add(a, c), f32x4.add(b, d), to + 4 * step, step);
      spreadPair(f32x4.sub(a, c), f32x4.sub(b, d), to + 8 * step, step);
      spreadPair(f32x4.neg(c), f32x4.neg(d), to + 12 * step, step);
      from += 16;
      to += 16;
    }
  }
}

@inline
function spreadPair(p: v128, q: v128, to: usize, step: usize): void {
  v128.store(to, p);
  v128.store(to + step, f32x4.add(p, q));
  v128.store(to + 2 * step, f32x4.sub(p, q));
  v128.store(to + 3 * step, f32x4.neg(q));
}

/** Gᵀ s G: 16 matrices of `size` bytes → 9. */
function gatherFilter(from: usize, w: usize, size: usize): void {
  for (let at: usize = 0; at < size; at += 16) {
    // s G, in place.
    for (let row: usize = 0; row < 4; row++) {
      const s = from + at + row * 4 * size;
      const inner = v128.load(s + size);
      const other = v128.load(s + 2 * size);
      const sum = f32x4.mul(f32x4.add(inner, other), half);
      v128.store(s, f32x4.add(v128.load(s), sum));
      v128.store(s + size, f32x4.mul(f32x4.sub(inner, other), half));
      v128.store(s + 2 * size, f32x4.add(sum, v128.load(s + 3 * size)));
    }
    for (let column: usize = 0; column < 3; column++) {
      const s = from + at + column * size;
      const to = w + at + column * size;
      const inner = v128.load(s + 4 * size);
      const other = v128.load(s + 8 * size);
      const sum = f32x4.mul(f32x4.add(inner, other), half);
      v128.store(to, f32x4.add(v128.load(s), sum));
      v128.store(to + 3 * size, f32x4.mul(f32x4.sub(inner, other), half));
      v128.store(to + 6 * size, f32x4.add(sum, v128.load(s + 12 * size)));
    }
  }
}
