// Steps of optimisers in one pass over a parameter. The operations and their order are those of the formulas written out in TensorFlow.js's operations, so
// both give the same bits.

import { loadLanes, storeLanes } from './lanes';

/**
 * Adam: m' = β₁m + (1 − β₁)g, v' = β₂v + (1 − β₂)g², p' = keep·p − lr · m'·meanCorrection / (√(v'·squareCorrection) + ε).
 * @param beta1Rest - 1 − β₁
 */
export function adamStep(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  pNext: usize,
  mNext: usize,
  vNext: usize,
  count: i32,
  beta1: f32,
  beta1Rest: f32,
  beta2: f32,
  beta2Rest: f32,
  epsilon: f32,
  meanCorrection: f32,
  squareCorrection: f32,
  keep: f32,
  lr: f32,
): void {
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const at = <usize>index << 2;
    const gradient = loadLanes(g + at, lanes);
    const mean = f32x4.add(
      f32x4.mul(loadLanes(m + at, lanes), f32x4.splat(beta1)),
      f32x4.mul(gradient, f32x4.splat(beta1Rest)),
    );
    const square = f32x4.add(
      f32x4.mul(loadLanes(v + at, lanes), f32x4.splat(beta2)),
      f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(beta2Rest)),
    );
    storeLanes(mNext + at, mean, lanes);
    storeLanes(vNext + at, square, lanes);
    const root = f32x4.sqrt(f32x4.mul(square, f32x4.splat(squareCorrection)));
    const change = f32x4.div(
      f32x4.mul(mean, f32x4.splat(meanCorrection)),
      f32x4.add(root, f32x4.splat(epsilon)),
    );
    putStep(p + at, change, pNext + at, keep, lr, lanes);
  }
}

/** Gradient descent with momentum: b' = μb + g, p' = keep·p − lr·b', or with Nesterov's p' = keep·p − lr·(g + μb'). */
export function momentumStep(
  p: usize,
  g: usize,
  b: usize,
  pNext: usize,
  bNext: usize,
  count: i32,
  momentum: f32,
  nesterov: i32,
  keep: f32,
  lr: f32,
): void {
  for (let index = 0; index < count; index += 4) {
    const lanes = count - index;
    const at = <usize>index << 2;
    const gradient = loadLanes(g + at, lanes);
    const velocity = f32x4.add(f32x4.mul(loadLanes(b + at, lanes), f32x4.splat(momentum)), gradient);
    storeLanes(bNext + at, velocity, lanes);
    const ahead = f32x4.add(gradient, f32x4.mul(velocity, f32x4.splat(momentum)));
    putStep(p + at, nesterov ? ahead : velocity, pNext + at, keep, lr, lanes);
  }
}

/** keep·p − lr·change */
@inline
function putStep(p: usize, change: v128, pNext: usize, keep: f32, lr: f32, lanes: i32): void {
  const kept = f32x4.mul(loadLanes(p, lanes), f32x4.splat(keep));
  storeLanes(pNext, f32x4.sub(kept, f32x4.mul(change, f32x4.splat(lr))), lanes);
}
