// Reads `halving` of params.yaml. Values have passed the schema.

import type { HalvingSettings } from './definition.ts';
import type { Fault } from './faults.ts';

export interface RawHalving {
  readonly rounds: readonly [number, number];
  readonly factor?: number;
}

export function readHalving({ rounds, factor = 3 }: RawHalving): HalvingSettings {
  return { rounds, factor };
}

/** Rounds that do not follow each other. */
export function checkHalving({ rounds: [first, second] }: HalvingSettings): Fault[] {
  if (first < second) return [];
  const message = `the second comparison, after epoch ${second}, does not follow the first, after epoch ${first}`;
  return [{ path: ['halving', 'rounds'], message, hint: 'write the smaller number first, such as [2, 6]' }];
}
