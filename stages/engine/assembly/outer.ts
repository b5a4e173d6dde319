// Filter gradients: the sum over all pixels of the outer product of the pixel's window with its dy. A product of a transposed matrix with another is
// the same with windows of one row.

import { BLOCK, locate } from './grid';

/**
 * panels[k, channel] = Σ x[window of pixel][k] · dy[pixel, channel] over a grid of `images` × `rows` × `columns` pixels; dy is dense. For the grid,
 * the steps and the windows see `convolve`. The panels have no starting values.
 * @param table - scratch: `BLOCK` words and then `8 * BLOCK` words
 */
export function addOuterProducts(
  x: usize,
  dy: usize,
  panels: usize,
  table: usize,
  images: i32,
  rows: i32,
  columns: i32,
  xImage: usize,
  xRow: usize,
  xColumn: usize,
  windowRows: i32,
  windowRow: i32,
  windowStep: usize,
  channels: i32,
): void {
  const pixels = images * rows * columns;
  const panelBytes = (<usize>windowRows * <usize>windowRow) << 5;
  const spill = table + (BLOCK << 2);
  memory.fill(panels, 0, panelBytes * <usize>((channels + 7) >> 3));
  for (let first = 0; first < pixels; first += BLOCK) {
    const count = min(BLOCK, pixels - first);
    locate(table, first, count, rows, columns, xImage, xRow, xColumn);
    addBlock(x, dy + (<usize>first * <usize>channels << 2), panels, table, spill, count, windowRows, windowRow, windowStep, channels);
  }
}

/** Adds the outer products of `count` pixels, whose windows begin where the table says, to the panels. `spill` is scratch of `8 * BLOCK` words. */
export function addBlock(
  x: usize,
  dy: usize,
  panels: usize,
  table: usize,
  spill: usize,
  count: i32,
  windowRows: i32,
  windowRow: i32,
  windowStep: usize,
  channels: i32,
): void {
  for (let channel = 0; channel < channels; channel += 8) {
    let source = dy + (<usize>channel << 2);
    let step = <usize>channels << 2;
    if (channel + 8 > channels) {
      widen(source, spill, count, step, <usize>(channels - channel) << 2);
      source = spill;
      step = 32;
    }
    let base = x;
    for (let row = 0; row < windowRows; row++) {
      addRow(base, table, source, step, count, windowRow, panels);
      panels += <usize>windowRow << 5;
      base += windowStep;
    }
  }
}

/** The last few channels of a block of pixels, with zeros up to eight. */
function widen(from: usize, to: usize, count: i32, step: usize, bytes: usize): void {
  memory.fill(to, 0, <usize>count << 5);
  for (let pixel = 0; pixel < count; pixel++) {
    memory.copy(to, from, bytes);
    from += step;
    to += 32;
  }
}

function addRow(x: usize, table: usize, dy: usize, step: usize, count: i32, values: i32, target: usize): void {
  let k = 0;
  for (; k + 4 <= values; k += 4) {
    addFour(x + (<usize>k << 2), table, dy, step, count, target);
    target += 128;
  }
  for (; k < values; k++) {
    addOne(x + (<usize>k << 2), table, dy, step, count, target);
    target += 32;
  }
}

/** Four values of the window by eight channels. */
function addFour(x: usize, table: usize, dy: usize, step: usize, count: i32, target: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  const end = table + (<usize>count << 2);
  while (table < end) {
    const p = x + <usize>load<u32>(table);
    table += 4;
    const y0 = v128.load(dy);
    const y1 = v128.load(dy, 16);
    dy += step;
    let s = v128.load32_splat(p);
    a0 = f32x4.add(a0, f32x4.mul(s, y0));
    a1 = f32x4.add(a1, f32x4.mul(s, y1));
    s = v128.load32_splat(p, 4);
    b0 = f32x4.add(b0, f32x4.mul(s, y0));
    b1 = f32x4.add(b1, f32x4.mul(s, y1));
    s = v128.load32_splat(p, 8);
    c0 = f32x4.add(c0, f32x4.mul(s, y0));
    c1 = f32x4.add(c1, f32x4.mul(s, y1));
    s = v128.load32_splat(p, 12);
    d0 = f32x4.add(d0, f32x4.mul(s, y0));
    d1 = f32x4.add(d1, f32x4.mul(s, y1));
  }
  add(target, a0, a1);
  add(target + 32, b0, b1);
  add(target + 64, c0, c1);
  add(target + 96, d0, d1);
}

function addOne(x: usize, table: usize, dy: usize, step: usize, count: i32, target: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  const end = table + (<usize>count << 2);
  while (table < end) {
    const s = v128.load32_splat(x + <usize>load<u32>(table));
    table += 4;
    a0 = f32x4.add(a0, f32x4.mul(s, v128.load(dy)));
    a1 = f32x4.add(a1, f32x4.mul(s, v128.load(dy, 16)));
    dy += step;
  }
  add(target, a0, a1);
}

@inline
function add(target: usize, low: v128, high: v128): void {
  v128.store(target, f32x4.add(v128.load(target), low));
  v128.store(target, f32x4.add(v128.load(target, 16), high), 16);
}
