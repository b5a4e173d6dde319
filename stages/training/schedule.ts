// The learning rate of every step, as a pure function of the step: a training may stop and go on anywhere.

import type { Schedule } from '../config/definition.ts';

/** How long a training is. */
export interface Extent {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/**
 * The learning rate of a step (from 0). With T steps in all, of which the first W warm up:
 * - warm-up: lr·(s + 1)/W, so that the first step already moves and the step before the end of the warm-up has all of lr;
 * - constant: lr;
 * - cosine (Loshchilov and Hutter 2017): from lr along half a cosine over the T − W steps, to final·lr after the last one;
 * - step: lr·gamma^⌊epoch / every⌋, epochs counted from the start of the training;
 * - one_cycle (Smith and Topin 2018): along half a cosine from start·lr to lr over rise·T steps, then from lr to final·lr after the last one.
 */
export function learningRateAt(step: number, lr: number, schedule: Schedule, extent: Extent): number {
  const total = extent.epochs * extent.stepsPerEpoch;
  if (schedule.kind === 'one_cycle') {
    const rise = Math.round(schedule.rise * total);
    if (step < rise) return lr * halfCosine(schedule.start, 1, step / rise);
    return lr * halfCosine(1, schedule.final, (step - rise) / Math.max(1, total - rise));
  }
  const warmup = Math.round(schedule.warmup * extent.stepsPerEpoch);
  if (step < warmup) return (lr * (step + 1)) / warmup;
  switch (schedule.kind) {
    case 'constant':
      return lr;
    case 'cosine':
      return lr * halfCosine(1, schedule.final, (step - warmup) / Math.max(1, total - warmup));
    case 'step':
      return lr * schedule.gamma ** Math.floor(Math.floor(step / extent.stepsPerEpoch) / schedule.every);
  }
}

/** From one value to another along half a period of a cosine; `progress` from 0 to 1. */
function halfCosine(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;
}
