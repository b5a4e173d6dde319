// A clock for measuring, not for telling the time. `performance` would do, but the first use of it loads seven modules of Node.js:
// two milliseconds of every no-op run.

/** Milliseconds from an arbitrary start; never goes back. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
