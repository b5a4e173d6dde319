// The binary record format of CIFAR-10 and CIFAR-100 (A. Krizhevsky): label bytes, then the red, green and blue plane of a 32×32 image, row by row.
// CIFAR-10 has one label byte; CIFAR-100 has two, the coarse label and the fine one. Only the last label byte is used as the class.

export const imageSide = 32;
export const planeBytes = imageSide * imageSide;
export const imageBytes = 3 * planeBytes;

/** Bytes of one record. */
export function recordBytes(labelBytes: 1 | 2): number {
  return labelBytes + imageBytes;
}
