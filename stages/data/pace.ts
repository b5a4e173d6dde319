// Progress at a pace that a display can follow.

import { reportProgress } from '../context/progress.ts';
import type { OnProgress } from './fetch.ts';

/**
 * Reports at most twice a second, and always what is done.
 * @param report - where to
 * @param now - milliseconds of a clock
 */
export function pacedProgress(report: OnProgress = reportProgress, now: () => number = () => performance.now()): OnProgress {
  let last = -Infinity;
  return (fraction, text) => {
    if (fraction < 1 && now() - last < 500) return;
    last = now();
    report(fraction, text);
  };
}
