// Gradients of max and average pooling over [images, height, width, channels].

/** Each dy goes to the first place of its window that holds the window's maximum y. */
export function maxPoolGradient(
  x: usize,
  y: usize,
  dy: usize,
  dx: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  windowHeight: i32,
  windowWidth: i32,
  rowStride: i32,
  columnStride: i32,
  top: i32,
  left: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dx, 0, <usize>images * <usize>height * <usize>width * pixel);
  for (let image = 0; image < images; image++) {
    const start = <usize>image * <usize>height * <usize>width * pixel;
    for (let i = 0; i < outHeight; i++) {
      const y0 = max(0, i * rowStride - top);
      const y1 = min(height, i * rowStride - top + windowHeight);
      for (let j = 0; j < outWidth; j++) {
        const x0 = max(0, j * columnStride - left);
        const x1 = min(width, j * columnStride - left + windowWidth);
        const corner = start + <usize>(y0 * width + x0) * pixel;
        giveToMaximum(x + corner, y, dy, dx + corner, y1 - y0, x1 - x0, <usize>width * pixel, channels);
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

/** Each dy is shared equally among the places of its window that lie within the image: what average pooling divides by. */
export function averagePoolGradient(
  dy: usize,
  dx: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  windowHeight: i32,
  windowWidth: i32,
  rowStride: i32,
  columnStride: i32,
  top: i32,
  left: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dx, 0, <usize>images * <usize>height * <usize>width * pixel);
  for (let image = 0; image < images; image++) {
    const start = dx + <usize>image * <usize>height * <usize>width * pixel;
    for (let i = 0; i < outHeight; i++) {
      const y0 = max(0, i * rowStride - top);
      const y1 = min(height, i * rowStride - top + windowHeight);
      for (let j = 0; j < outWidth; j++) {
        const x0 = max(0, j * columnStride - left);
        const x1 = min(width, j * columnStride - left + windowWidth);
        const share: f32 = 1 / <f32>((y1 - y0) * (x1 - x0));
        for (let row = y0; row < y1; row++) {
          for (let column = x0; column < x1; column++) {
            addScaled(dy, start + <usize>(row * width + column) * pixel, channels, share);
          }
        }
        dy += pixel;
      }
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
