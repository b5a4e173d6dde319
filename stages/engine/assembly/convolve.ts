// The convolution at the heart of everything: each output pixel is the product of a window of the input with packed weights. Forward passes, input
// gradients (a convolution of dy with the turned filter) and matrix products (windows of one row) are all this one.

import { BLOCK, locate } from './grid';

/**
 * out[pixel, channel] = start[channel] + Σ x[window of pixel] · weights[channel], for a grid of `images` × `rows` × `columns` pixels. Steps are in
 * bytes: from one pixel's window to that of the next in x, and from pixel to pixel in out. A window is `windowRows` runs of `windowRow` values,
 * `windowStep` bytes apart; x is padded already.
 * @param table - scratch: `2 * BLOCK + 8` words
 * @param rectify - 1: negative results become 0
 */
export function convolve(
  x: usize,
  panels: usize,
  out: usize,
  table: usize,
  images: i32,
  rows: i32,
  columns: i32,
  xImage: usize,
  xRow: usize,
  xColumn: usize,
  outImage: usize,
  outRow: usize,
  outColumn: usize,
  windowRows: i32,
  windowRow: i32,
  windowStep: usize,
  channels: i32,
  rectify: i32,
): void {
  const pixels = images * rows * columns;
  const panelBytes = (<usize>windowRows * <usize>windowRow + 1) << 5;
  const outTable = table + (BLOCK << 2);
  const spill = outTable + (BLOCK << 2);
  for (let first = 0; first < pixels; first += BLOCK) {
    const count = min(BLOCK, pixels - first);
    locate(table, first, count, rows, columns, xImage, xRow, xColumn);
    locate(outTable, first, count, rows, columns, outImage, outRow, outColumn);
    let panel = panels;
    for (let channel = 0; channel < channels; channel += 8) {
      const lanes = min(8, channels - channel);
      const target = out + (<usize>channel << 2);
      for (let pixel = 0; pixel < count; pixel += 4) {
        const slot = table + (<usize>pixel << 2);
        tile(x, slot, panel, target, windowRows, windowRow, windowStep, rectify, lanes, spill);
      }
      panel += panelBytes;
    }
  }
}

/** Four pixels by eight channels. */
function tile(
  x: usize,
  slot: usize,
  panel: usize,
  out: usize,
  windowRows: i32,
  windowRow: i32,
  windowStep: usize,
  rectify: i32,
  lanes: i32,
  spill: usize,
): void {
  let s0 = v128.load(panel);
  let s1 = v128.load(panel, 16);
  panel += 32;
  let a0 = s0, a1 = s1, b0 = s0, b1 = s1, c0 = s0, c1 = s1, d0 = s0, d1 = s1;
  let base = x;
  for (let row = 0; row < windowRows; row++) {
    let a = base + <usize>load<u32>(slot);
    let b = base + <usize>load<u32>(slot, 4);
    let c = base + <usize>load<u32>(slot, 8);
    let d = base + <usize>load<u32>(slot, 12);
    const end = panel + (<usize>windowRow << 5);
    while (panel < end) {
      const w0 = v128.load(panel);
      const w1 = v128.load(panel, 16);
      panel += 32;
      s0 = v128.load32_splat(a);
      a0 = f32x4.add(a0, f32x4.mul(s0, w0));
      a1 = f32x4.add(a1, f32x4.mul(s0, w1));
      s0 = v128.load32_splat(b);
      b0 = f32x4.add(b0, f32x4.mul(s0, w0));
      b1 = f32x4.add(b1, f32x4.mul(s0, w1));
      s0 = v128.load32_splat(c);
      c0 = f32x4.add(c0, f32x4.mul(s0, w0));
      c1 = f32x4.add(c1, f32x4.mul(s0, w1));
      s0 = v128.load32_splat(d);
      d0 = f32x4.add(d0, f32x4.mul(s0, w0));
      d1 = f32x4.add(d1, f32x4.mul(s0, w1));
      a += 4;
      b += 4;
      c += 4;
      d += 4;
    }
    base += windowStep;
  }
  if (rectify) {
    const zero = f32x4.splat(0);
    a0 = f32x4.pmax(a0, zero);
    a1 = f32x4.pmax(a1, zero);
    b0 = f32x4.pmax(b0, zero);
    b1 = f32x4.pmax(b1, zero);
    c0 = f32x4.pmax(c0, zero);
    c1 = f32x4.pmax(c1, zero);
    d0 = f32x4.pmax(d0, zero);
    d1 = f32x4.pmax(d1, zero);
  }
  slot += BLOCK << 2;
  put(out + <usize>load<u32>(slot), a0, a1, lanes, spill);
  put(out + <usize>load<u32>(slot, 4), b0, b1, lanes, spill);
  put(out + <usize>load<u32>(slot, 8), c0, c1, lanes, spill);
  put(out + <usize>load<u32>(slot, 12), d0, d1, lanes, spill);
}

@inline
function put(out: usize, low: v128, high: v128, lanes: i32, spill: usize): void {
  if (lanes === 8) {
    v128.store(out, low);
    v128.store(out, high, 16);
    return;
  }
  v128.store(spill, low);
  v128.store(spill, high, 16);
  for (let lane: usize = 0; lane < <usize>lanes; lane++) store<f32>(out + (lane << 2), load<f32>(spill + (lane << 2)));
}
