// Optimisers with a state that can be saved: gradients in, weights changed. Written on TensorFlow.js operations, since those that come with it take
// neither a learning rate a step nor decoupled weight decay, and keep their state to themselves. Knows nothing of models or losses.

import * as tf from '@tensorflow/tfjs-core';

import type { Optimizer as OptimizerSettings } from '../config/definition.ts';
import { createResidentSlots, takeStep, type StepInputs, type StepRule } from '../engine/optimize.ts';

/** A trainable weight. */
export interface Parameter {
  readonly variable: tf.Variable;
  /** Whether weight decay takes from it: kernels, not biases or normalisation. */
  readonly decays: boolean;
}

/** What an optimiser remembers: the number of steps taken, and a value an element for each slot of each parameter. */
export interface OptimizerState {
  readonly steps: number;
  readonly slots: readonly Float32Array[];
}

export interface Optimizer {
  /** Changes every parameter by its gradient (same order, same shapes; not disposed). */
  readonly apply: (gradients: readonly tf.Tensor[], lr: number) => void;
  readonly state: () => Promise<OptimizerState>;
  /** Goes on from a state of the same parameters and settings. */
  readonly restore: (state: OptimizerState) => void;
  /** Elements of each slot, in the order of the state. */
  readonly slotSizes: readonly number[];
  readonly dispose: () => void;
}

/** How a gradient becomes a change. */
interface Rule {
  readonly slotCount: number;
  /** As engines know it; null: no engine needs to, since it is an operation or two. */
  readonly at: (step: number) => StepRule | null;
  /** In operations of TensorFlow.js: the parameter and its slots after a step. */
  readonly compose: (inputs: StepInputs, rule: StepRule | null) => readonly tf.Tensor[];
}

/** What is remembered of one parameter. */
interface Slots {
  /** @returns the parameter after it */
  readonly step: (inputs: Omit<StepInputs, 'slots'>, step: number) => tf.Tensor;
  /** A tensor each, which the caller disposes. */
  readonly read: () => readonly tf.Tensor[];
  readonly write: (values: readonly tf.Tensor[]) => void;
  readonly dispose: () => void;
}

/** @param weightDecay - each step takes lr·weightDecay of every decaying parameter away, measured before the step (Loshchilov and Hutter 2019) */
export function createOptimizer(
  settings: OptimizerSettings,
  parameters: readonly Parameter[],
  weightDecay: number,
): Optimizer {
  const rule = settings.kind === 'sgd' ? momentumRule(settings) : adamRule(settings);
  const { slotCount } = rule;
  const slots = parameters.map(({ variable }) => createSlots(rule, variable.shape));
  let steps = 0;
  return {
    apply: (gradients, lr) => {
      steps += 1;
      parameters.forEach(({ variable, decays }, index) => {
        tf.tidy(() => {
          const keep = decays ? 1 - lr * weightDecay : 1;
          variable.assign(slots[index]!.step({ parameter: variable, gradient: gradients[index]!, lr, keep }, steps));
        });
      });
    },
    state: async () => {
      const values = slots.flatMap(({ read }) => read());
      const state = await Promise.all(values.map(async (value) => (await value.data<'float32'>()).slice()));
      tf.dispose(values);
      return { steps, slots: state };
    },
    restore: (state) => {
      steps = state.steps;
      slots.forEach(({ write }, index) => {
        const { shape } = parameters[index]!.variable;
        const values = state.slots.slice(index * slotCount, (index + 1) * slotCount);
        tf.tidy(() => write(values.map((value) => tf.tensor(value.slice(), shape))));
      });
    },
    slotSizes: parameters.flatMap(({ variable }) => Array.from({ length: slotCount }, () => variable.size)),
    dispose: () => slots.forEach((slot) => slot.dispose()),
  };
}

function createSlots(rule: Rule, shape: number[]): Slots {
  const resident = rule.slotCount === 0 ? null : createResidentSlots(shape, rule.slotCount);
  return resident === null
    ? createVariableSlots(rule, shape)
    : { ...resident, step: (inputs, step) => resident.step(rule.at(step)!, inputs) };
}

function createVariableSlots({ slotCount, at, compose }: Rule, shape: number[]): Slots {
  const slots = Array.from({ length: slotCount }, () => tf.tidy(() => tf.variable(tf.zeros(shape), false)));
  const write = (values: readonly tf.Tensor[]): void => slots.forEach((slot, place) => slot.assign(values[place]!));
  return {
    step: (given, step) => {
      const [inputs, rule] = [{ ...given, slots }, at(step)];
      const [parameter, ...memory] = (rule && takeStep(rule, inputs)) ?? compose(inputs, rule);
      write(memory);
      return parameter!;
    },
    read: () => slots.map((slot) => tf.clone(slot)),
    write,
    dispose: () => tf.dispose(slots),
  };
}

type AdamSettings = Extract<OptimizerSettings, { kind: 'adam' | 'adamw' }>;

/**
 * Adam (Kingma and Ba 2015, algorithm 1): m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², change = m̂/(√v̂ + ε) with the bias-corrected
 * m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).
 */
function adamRule({ beta1, beta2, epsilon }: AdamSettings): Rule {
  const at = (step: number): AdamRule => ({
    kind: 'adam',
    beta1,
    beta2,
    epsilon,
    meanCorrection: 1 / (1 - beta1 ** step),
    squareCorrection: 1 / (1 - beta2 ** step),
  });
  return { slotCount: 2, at, compose: (inputs, rule) => composeAdam(rule as AdamRule, inputs) };
}

type AdamRule = Extract<StepRule, { kind: 'adam' }>;

function composeAdam(rule: AdamRule, inputs: StepInputs): tf.Tensor[] {
  const { gradient, slots } = inputs;
  const { beta1, beta2 } = rule;
  const mean = tf.add(tf.mul(slots[0]!, beta1), tf.mul(gradient, 1 - beta1));
  const square = tf.add(tf.mul(slots[1]!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const root = tf.sqrt(tf.mul(square, rule.squareCorrection));
  const change = tf.div(tf.mul(mean, rule.meanCorrection), tf.add(root, rule.epsilon));
  return [subtract(inputs, change), mean, square];
}

function subtract({ parameter, keep, lr }: StepInputs, change: tf.Tensor): tf.Tensor {
  return tf.sub(keep === 1 ? parameter : tf.mul(parameter, keep), tf.mul(change, lr));
}

/**
 * Gradient descent; with momentum μ: b ← μb + g, change = b, or g + μb with Nesterov's (Sutskever et al. 2013). The learning rate stands outside of b,
 * so that a schedule acts on all of the change at once.
 */
function momentumRule({ momentum, nesterov }: Extract<OptimizerSettings, { kind: 'sgd' }>): Rule {
  if (momentum === 0) return { slotCount: 0, at: () => null, compose: (inputs) => [subtract(inputs, inputs.gradient)] };
  const rule: StepRule = { kind: 'momentum', momentum, nesterov };
  const compose = (inputs: StepInputs): tf.Tensor[] => {
    const { gradient, slots } = inputs;
    const velocity = tf.add(tf.mul(slots[0]!, momentum), gradient);
    const change = nesterov ? tf.add(gradient, tf.mul(velocity, momentum)) : velocity;
    return [subtract(inputs, change), velocity];
  };
  return { slotCount: 1, at: () => rule, compose };
}
