// Where the windows of a convolution lie: a block of output pixels at a time, as a table of byte offsets. With a table, a tile of pixels may cross
// the end of a row or of an image, so narrow images cost no more than wide ones.

/** Pixels of a block. The callers give a table of `2 * BLOCK` 32-bit words. */
export const BLOCK: i32 = 64;

/**
 * Writes the byte offset of pixel `first + i` of a grid of `rows` × `columns` pixels an image to word `i` of the table, for `count` pixels. The rest
 * of the last group of four repeats the last pixel: whoever works in fours then does the same work twice instead of something else.
 */
export function locate(
  table: usize,
  first: i32,
  count: i32,
  rows: i32,
  columns: i32,
  imageStep: usize,
  rowStep: usize,
  columnStep: usize,
): void {
  const image = first / (rows * columns);
  const within = first - image * rows * columns;
  let row = within / columns;
  let column = within - row * columns;
  let rowStart = <usize>image * imageStep + <usize>row * rowStep;
  let imageStart = <usize>image * imageStep;
  let offset = rowStart;
  let slot = table;
  for (let pixel = 0; pixel < count; pixel++) {
    offset = rowStart + <usize>column * columnStep;
    store<u32>(slot, <u32>offset);
    slot += 4;
    if (++column < columns) continue;
    column = 0;
    rowStart += rowStep;
    if (++row < rows) continue;
    row = 0;
    imageStart += imageStep;
    rowStart = imageStart;
  }
  for (let pixel = count; (pixel & 3) !== 0; pixel++) {
    store<u32>(slot, <u32>offset);
    slot += 4;
  }
}
