// Weights in the order in which the tiles read them: panels of eight output channels, zero beyond the last channel. A panel is eight starting
// values (the bias) and then eight weights for each value of a window.

/** w [depth, channels] and bias [channels] (or 0 for none) → panels. */
export function packFilter(w: usize, bias: usize, panels: usize, depth: i32, channels: i32): void {
  for (let channel = 0; channel < channels; channel += 8) {
    const width = min(8, channels - channel);
    copyEight(bias === 0 ? 0 : bias + (<usize>channel << 2), panels, width);
    panels += 32;
    let row = w + (<usize>channel << 2);
    for (let k = 0; k < depth; k++) {
      copyEight(row, panels, width);
      row += <usize>channels << 2;
      panels += 32;
    }
  }
}

@inline
function copyEight(from: usize, to: usize, width: i32): void {
  if (from !== 0 && width === 8) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    return;
  }
  v128.store(to, i32x4.splat(0));
  v128.store(to, i32x4.splat(0), 16);
  if (from !== 0) memory.copy(to, from, <usize>width << 2);
}

/**
 * Panels of the filter that takes the gradient of a convolution back to its input. Of w [height, width, inputs, outputs] it takes the taps whose row
 * is `row`, `row + rowStride`, … and whose column is `column`, `column + columnStride`, …, in reverse; windows then run over output channels, and the
 * panels are of input channels. With a 1 × 1 filter that is the transposed matrix.
 */
export function packTransposed(
  w: usize,
  panels: usize,
  height: i32,
  width: i32,
  inputs: i32,
  outputs: i32,
  row: i32,
  column: i32,
  rowStride: i32,
  columnStride: i32,
): void {
  const lastRow = row + ((height - 1 - row) / rowStride) * rowStride;
  const lastColumn = column + ((width - 1 - column) / columnStride) * columnStride;
  for (let input = 0; input < inputs; input += 8) {
    const lanes = min(8, inputs - input);
    memory.fill(panels, 0, 32);
    panels += 32;
    for (let i = lastRow; i >= row; i -= rowStride) {
      for (let j = lastColumn; j >= column; j -= columnStride) {
        const tap = w + (<usize>((i * width + j) * inputs + input) * <usize>outputs << 2);
        transpose(tap, panels, lanes, outputs);
        panels += <usize>outputs << 5;
      }
    }
  }
}

/** `lanes` rows of `count` values → `count` rows of eight. */
function transpose(from: usize, to: usize, lanes: i32, count: i32): void {
  if (lanes < 8) memory.fill(to, 0, <usize>count << 5);
  for (let lane = 0; lane < lanes; lane++) {
    let source = from + (<usize>lane * <usize>count << 2);
    let target = to + (<usize>lane << 2);
    for (let index = 0; index < count; index++) {
      store<f32>(target, load<f32>(source));
      source += 4;
      target += 32;
    }
  }
}

/** Panels without starting values → w [depth, channels]. */
export function unpack(panels: usize, w: usize, depth: i32, channels: i32): void {
  for (let channel = 0; channel < channels; channel += 8) {
    const bytes = <usize>min(8, channels - channel) << 2;
    let row = w + (<usize>channel << 2);
    for (let k = 0; k < depth; k++) {
      memory.copy(row, panels, bytes);
      row += <usize>channels << 2;
      panels += 32;
    }
  }
}

/** x [images, height, width, channels] → out, with rows and columns of zeros around each image. */
export function padImages(
  x: usize,
  out: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  bottom: i32,
  left: i32,
  right: i32,
): void {
  const pixel = <usize>channels << 2;
  const row = <usize>width * pixel;
  const fullRow = <usize>(left + width + right) * pixel;
  for (let image = 0; image < images; image++) {
    memory.fill(out, 0, <usize>top * fullRow + <usize>left * pixel);
    out += <usize>top * fullRow + <usize>left * pixel;
    for (let y = 0; y < height; y++) {
      memory.copy(out, x, row);
      x += row;
      out += row;
      // The right margin of this row and the left one of the next are one run of zeros.
      const margin = <usize>(y + 1 < height ? right + left : right) * pixel;
      memory.fill(out, 0, margin);
      out += margin;
    }
    memory.fill(out, 0, <usize>bottom * fullRow);
    out += <usize>bottom * fullRow;
  }
}
