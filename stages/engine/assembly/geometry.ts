// The sizes of a convolution or of a pooling, as ../geometry.ts writes them: 32-bit words, one after the other.

/** Images are [images, height, width, channels], results [images, outHeight, outWidth, outChannels]; margins of `top` rows and `left` columns. */
@unmanaged
export class Geometry {
  images: i32;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  outChannels: i32;
  filterHeight: i32;
  filterWidth: i32;
  rowStride: i32;
  columnStride: i32;
  top: i32;
  left: i32;
  rowDilation: i32;
  columnDilation: i32;
}
