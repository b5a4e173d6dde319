// Models that are in memory at the same time. Pure.

/** Weights of a block at most, in bytes; an engine keeps them a second time, packed for its kernels. */
export const blockBytes = 128 * 1024 * 1024;

/** Splits a list, in order, into the fewest runs whose sizes sum up to `limit` at most; one item above it is a run of its own. */
export function packBlocks<T>(items: readonly T[], sizeOf: (item: T) => number, limit: number): T[][] {
  const blocks: T[][] = [];
  let room = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (blocks.length === 0 || size > room) {
      blocks.push([]);
      room = limit;
    }
    blocks.at(-1)!.push(item);
    room -= size;
  }
  return blocks;
}
