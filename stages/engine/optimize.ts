// One step of an optimiser as one kernel a parameter, instead of a dozen passes over it. Pure: tensors in, tensors out. Knows no schedule and no state.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { hasKernel, setKernel } from './registry.ts';

const adamKernel = 'AdamStep';
const momentumKernel = 'MomentumStep';

/** How a gradient becomes a change: see training/optimizer.ts for the formulas. */
export type StepRule =
  | {
      readonly kind: 'adam';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      /** 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ). */
      readonly meanCorrection: number;
      readonly squareCorrection: number;
    }
  | { readonly kind: 'momentum'; readonly momentum: number; readonly nesterov: boolean };

export interface StepInputs {
  readonly parameter: tf.Tensor;
  readonly gradient: tf.Tensor;
  /** Adam's mean and mean square, or the velocity. */
  readonly slots: readonly tf.Tensor[];
  readonly lr: number;
  /** What of the parameter stays before the change: 1 without weight decay. */
  readonly keep: number;
}

/** What an optimiser remembers of one parameter, where the engine changes it in place: all zero at first. */
export interface ResidentSlots {
  /** Takes a step. @returns the parameter after it */
  readonly step: (rule: StepRule, inputs: Omit<StepInputs, 'slots'>) => tf.Tensor;
  /** A tensor each, which the caller disposes. */
  readonly read: () => tf.Tensor[];
  readonly write: (values: readonly tf.Tensor[]) => void;
  readonly dispose: () => void;
}

type CreateSlots = (shape: number[], count: number) => ResidentSlots;

const residents = new Map<string, CreateSlots>();

/** From now on, slots are made in this way while this backend is the active one. */
export function setResidentSlots(backend: string, create: CreateSlots): void {
  residents.set(backend, create);
}

/** null: the active engine has nothing of its own. */
export function createResidentSlots(shape: number[], count: number): ResidentSlots | null {
  return residents.get(tf.getBackend())?.(shape, count) ?? null;
}

/** What the kernels AdamStep and MomentumStep get beside tensors. */
export type StepAttributes<Kind extends StepRule['kind']> = Extract<StepRule, { kind: Kind }> &
  Pick<StepInputs, 'lr' | 'keep'>;

/** The parameter and its slots after the step, with the bits of the formula written out in operations. null: the active engine has no such kernel. */
export function takeStep(rule: StepRule, { parameter, gradient, slots, lr, keep }: StepInputs): tf.Tensor[] | null {
  const kernel = rule.kind === 'adam' ? adamKernel : momentumKernel;
  if (!hasKernel(kernel)) return null;
  const [first, second] = slots;
  const inputs = { parameter, gradient, first: first!, ...(second && { second }) };
  return tf.engine().runKernel<tf.Tensor[]>(kernel, inputs, { ...rule, lr, keep });
}

export function setOptimizerKernels({ kernels, address, create }: Heap): void {
  setKernel(adamKernel, () => (inputs, attributes) => {
    const { beta1, beta2, epsilon, meanCorrection, squareCorrection, lr, keep } = attributes as StepAttributes<'adam'>;
    const [parameter, gradient, mean, square] = ['parameter', 'gradient', 'first', 'second'].map(
      (name) => inputs[name]!,
    );
    const outs = [0, 1, 2].map(() => create(parameter!.shape));
    const addresses = [parameter!, gradient!, mean!, square!, ...outs].map(address);
    const factors = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon, meanCorrection, squareCorrection, keep, lr];
    kernels.adamStep(...addresses, tf.util.sizeFromShape(parameter!.shape), ...factors);
    return outs;
  });
  setKernel(momentumKernel, () => (inputs, attributes) => {
    const { momentum, nesterov, lr, keep } = attributes as StepAttributes<'momentum'>;
    const [parameter, gradient, velocity] = ['parameter', 'gradient', 'first'].map((name) => inputs[name]!);
    const outs = [0, 1].map(() => create(parameter!.shape));
    const addresses = [parameter!, gradient!, velocity!, ...outs].map(address);
    const count = tf.util.sizeFromShape(parameter!.shape);
    kernels.momentumStep(...addresses, count, momentum, nesterov ? 1 : 0, keep, lr);
    return outs;
  });
}
