// Tells the runner's display how far the stage is.

/** @param fraction - from 0 to 1; @param text - shown beside the bar, one line */
export function reportProgress(fraction: number, text: string): void {
  const bounded = Math.min(1, Math.max(0, fraction));
  process.stdout.write(`::progress ${bounded.toFixed(4)} ${text.replaceAll('\n', ' ')}\n`);
}
