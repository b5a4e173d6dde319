// Gradients of max and average pooling.

import { Geometry } from './geometry';

/** Each dy goes to the first place of its window that holds the window's maximum y. */
export function maxPoolGradient(x: usize, y: usize, dy: usize, dx: usize, geometry: Geometry): void {
  walkWindows(x, y, dy, dx, geometry);
}

/** Each dy is shared equally among the places of its window that lie within the image: what average pooling divides by. */
export function averagePoolGradient(dy: usize, dx: usize, geometry: Geometry): void {
  walkWindows(0, 0, dy, dx, geometry);
}

/** All windows, cut at the borders of the image; those of average pooling where there is no x. */
function walkWindows(x: usize, y: usize, dy: usize, dx: usize, geometry: Geometry): void {
  const channels = geometry.channels;
  const height = geometry.height;
  const width = geometry.width;
  const pixel = <usize>channels << 2;
  const step = <usize>width * pixel;
  memory.fill(dx, 0, <usize>geometry.images * <usize>height * step);
  for (let image = 0; image < geometry.images; image++) {
    const start = <usize>image * <usize>height * step;
    for (let i = 0; i < geometry.outHeight; i++) {
      const row = i * geometry.rowStride - geometry.top;
      const y0 = max(0, row);
      const rows = min(height, row + geometry.filterHeight) - y0;
      for (let j = 0; j < geometry.outWidth; j++) {
        const column = j * geometry.columnStride - geometry.left;
        const x0 = max(0, column);
        const columns = min(width, column + geometry.filterWidth) - x0;
        const corner = start + <usize>(y0 * width + x0) * pixel;
        if (x === 0) shareOut(dy, dx + corner, rows, columns, step, channels);
        else giveToMaximum(x + corner, y, dy, dx + corner, rows, columns, step, channels);
        y += pixel;
        dy += pixel;
      }
    }
  }
}

function giveToMaximum(
  x: usize,
  y: usize,
  dy: usize,
  dx: usize,
  rows: i32,
  columns: i32,
  step: usize,
  channels: i32,
): void {
  const pixel = <usize>channels << 2;
  let channel = 0;
  for (; channel + 4 <= channels; channel += 4) {
    const shift = <usize>channel << 2;
    const highest = v128.load(y + shift);
    let left = v128.load(dy + shift);
    for (let row = 0; row < rows; row++) {
      let at = <usize>row * step + shift;
      for (let column = 0; column < columns; column++) {
        const here = f32x4.eq(v128.load(x + at), highest);
        v128.store(dx + at, f32x4.add(v128.load(dx + at), v128.and(left, here)));
        left = v128.andnot(left, here);
        at += pixel;
      }
    }
  }
  for (; channel < channels; channel++) {
    const shift = <usize>channel << 2;
    const at = find(x + shift, load<f32>(y + shift), rows, columns, step, pixel);
    if (at < 0) continue;
    const target = dx + shift + <usize>at;
    store<f32>(target, load<f32>(target) + load<f32>(dy + shift));
  }
}

/** Byte offset of the first place in the window with this value; -1: none (a NaN). */
function find(x: usize, value: f32, rows: i32, columns: i32, step: usize, pixel: usize): i64 {
  for (let row = 0; row < rows; row++) {
    let at = <usize>row * step;
    for (let column = 0; column < columns; column++) {
      if (load<f32>(x + at) === value) return <i64>at;
      at += pixel;
    }
  }
  return -1;
}

function shareOut(dy: usize, dx: usize, rows: i32, columns: i32, step: usize, channels: i32): void {
  const share: f32 = 1 / <f32>(rows * columns);
  for (let row = 0; row < rows; row++) {
    let at = dx + <usize>row * step;
    for (let column = 0; column < columns; column++) {
      addScaled(dy, at, channels, share);
      at += <usize>channels << 2;
    }
  }
}

@inline
function addScaled(from: usize, to: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(from), factors)));
    from += 16;
    to += 16;
  }
  for (; index < count; index++) {
    store<f32>(to, load<f32>(to) + load<f32>(from) * factor);
    from += 4;
    to += 4;
  }
}
