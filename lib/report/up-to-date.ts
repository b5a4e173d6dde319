// The one line that `dagrun status` has for a pipeline in which nothing is stale.

import { formatCount } from './format.ts';

export function renderUpToDate({ fresh, frozen }: { readonly fresh: number; readonly frozen: number }): string {
  if (frozen === 0) return `up to date: ${formatCount(fresh, 'stage')} unchanged`;
  return fresh === 0
    ? `up to date: ${frozen} frozen`
    : `up to date: ${formatCount(fresh, 'stage')} unchanged, ${frozen} frozen`;
}
