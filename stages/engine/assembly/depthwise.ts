// Gradients of the depthwise convolution with one filter a channel. Several filters a channel (a depth multiplier) are this one on repeated channels.

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

/** dx [images, height, width, channels] from dy [images, outHeight, outWidth, channels] and w [filterHeight, filterWidth, channels]. */
export function depthwiseInputGradient(
  dy: usize,
  w: usize,
  dx: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filterHeight: i32,
  filterWidth: i32,
  rowStride: i32,
  columnStride: i32,
  top: i32,
  left: i32,
  rowDilation: i32,
  columnDilation: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dx, 0, <usize>images * <usize>height * <usize>width * pixel);
  for (let image = 0; image < images; image++) {
    for (let i = 0; i < outHeight; i++) {
      for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
        const tapRow = tap / filterWidth;
        const y = i * rowStride + tapRow * rowDilation - top;
        if (y < 0 || y >= height) continue;
        const offset = (tap - tapRow * filterWidth) * columnDilation - left;
        const end = endInside(offset, columnStride, width, outWidth);
        for (let j = firstInside(offset, columnStride); j < end; j++) {
          const source = dy + <usize>((image * outHeight + i) * outWidth + j) * pixel;
          const target = dx + <usize>((image * height + y) * width + j * columnStride + offset) * pixel;
          addProduct(source, w + <usize>tap * pixel, target, channels);
        }
      }
    }
  }
}

/** target += a · b, value by value. */
@inline
function addProduct(a: usize, b: usize, target: usize, count: i32): void {
  const end = a + (<usize>count << 2);
  const wideEnd = a + (<usize>(count & ~3) << 2);
  while (a < wideEnd) {
    v128.store(target, f32x4.add(v128.load(target), f32x4.mul(v128.load(a), v128.load(b))));
    a += 16;
    b += 16;
    target += 16;
  }
  while (a < end) {
    store<f32>(target, load<f32>(target) + load<f32>(a) * load<f32>(b));
    a += 4;
    b += 4;
    target += 4;
  }
}

/** dw [filterHeight, filterWidth, channels] from x and dy; shapes as above. */
export function depthwiseFilterGradient(
  x: usize,
  dy: usize,
  dw: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filterHeight: i32,
  filterWidth: i32,
  rowStride: i32,
  columnStride: i32,
  top: i32,
  left: i32,
  rowDilation: i32,
  columnDilation: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dw, 0, <usize>(filterHeight * filterWidth) * pixel);
  for (let image = 0; image < images; image++) {
    for (let i = 0; i < outHeight; i++) {
      for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
        const tapRow = tap / filterWidth;
        const y = i * rowStride + tapRow * rowDilation - top;
        if (y < 0 || y >= height) continue;
        const offset = (tap - tapRow * filterWidth) * columnDilation - left;
        const start = firstInside(offset, columnStride);
        const count = endInside(offset, columnStride, width, outWidth) - start;
        if (count <= 0) continue;
        const a = x + <usize>((image * height + y) * width + start * columnStride + offset) * pixel;
        const b = dy + <usize>((image * outHeight + i) * outWidth + start) * pixel;
        addDots(a, b, dw + <usize>tap * pixel, channels, count, pixel * <usize>columnStride);
      }
    }
  }
}

/** target[channel] += Σ a[pixel, channel] · b[pixel, channel]; the pixels of a are `step` bytes apart. */
function addDots(a: usize, b: usize, target: usize, channels: i32, count: i32, step: usize): void {
  const pixel = <usize>channels << 2;
  let channel = 0;
  for (; channel + 16 <= channels; channel += 16) {
    let s0 = f32x4.splat(0);
    let s1 = s0, s2 = s0, s3 = s0;
    let p = a;
    let q = b;
    for (let j = 0; j < count; j++) {
      s0 = f32x4.add(s0, f32x4.mul(v128.load(p), v128.load(q)));
      s1 = f32x4.add(s1, f32x4.mul(v128.load(p, 16), v128.load(q, 16)));
      s2 = f32x4.add(s2, f32x4.mul(v128.load(p, 32), v128.load(q, 32)));
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p, 48), v128.load(q, 48)));
      p += step;
      q += pixel;
    }
    v128.store(target, f32x4.add(v128.load(target), s0));
    v128.store(target, f32x4.add(v128.load(target, 16), s1), 16);
    v128.store(target, f32x4.add(v128.load(target, 32), s2), 32);
    v128.store(target, f32x4.add(v128.load(target, 48), s3), 48);
    a += 64;
    b += 64;
    target += 64;
  }
  for (; channel + 4 <= channels; channel += 4) {
    let sum = f32x4.splat(0);
    let p = a;
    let q = b;
    for (let j = 0; j < count; j++) {
      sum = f32x4.add(sum, f32x4.mul(v128.load(p), v128.load(q)));
      p += step;
      q += pixel;
    }
    v128.store(target, f32x4.add(v128.load(target), sum));
    a += 16;
    b += 16;
    target += 16;
  }
  for (; channel < channels; channel++) {
    let sum: f32 = 0;
    let p = a;
    let q = b;
    for (let j = 0; j < count; j++) {
      sum += load<f32>(p) * load<f32>(q);
      p += step;
      q += pixel;
    }
    store<f32>(target, load<f32>(target) + sum);
    a += 4;
    b += 4;
    target += 4;
  }
}
