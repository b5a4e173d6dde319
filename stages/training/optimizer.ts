// Optimisers with a state that can be saved: gradients in, weights changed. Written on TensorFlow.js operations, since those that come with it take
// neither a learning rate a step nor decoupled weight decay, and keep their state to themselves. Knows nothing of models or losses.

import * as tf from '@tensorflow/tfjs-core';

import type { Optimizer as OptimizerSettings } from '../config/definition.ts';
import { takeStep, type StepInputs, type StepRule } from '../engine/optimize.ts';

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

/** One parameter and its slots after a step. */
type Rule = (inputs: StepInputs, step: number) => readonly tf.Tensor[];

/** @param weightDecay - each step takes lr·weightDecay of every decaying parameter away, measured before the step (Loshchilov and Hutter 2019) */
export function createOptimizer(
  settings: OptimizerSettings,
  parameters: readonly Parameter[],
  weightDecay: number,
): Optimizer {
  const { rule, slotCount } = settings.kind === 'sgd' ? momentumRule(settings) : adamRule(settings);
  const slots = parameters.map(({ variable }) =>
    Array.from({ length: slotCount }, () => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false))),
  );
  const all = slots.flat();
  let steps = 0;
  return {
    apply: (gradients, lr) => {
      steps += 1;
      parameters.forEach(({ variable, decays }, index) => {
        tf.tidy(() => {
          const keep = decays ? 1 - lr * weightDecay : 1;
          const inputs = { parameter: variable, gradient: gradients[index]!, slots: slots[index]!, lr, keep };
          const [parameter, ...memory] = rule(inputs, steps);
          variable.assign(parameter!);
          slots[index]!.forEach((slot, place) => slot.assign(memory[place]!));
        });
      });
    },
    state: async () => ({
      steps,
      slots: await Promise.all(all.map(async (slot) => (await slot.data<'float32'>()).slice())),
    }),
    restore: (state) => {
      steps = state.steps;
      all.forEach((slot, index) => {
        tf.tidy(() => slot.assign(tf.tensor(state.slots[index]!.slice(), slot.shape)));
      });
    },
    slotSizes: all.map(({ size }) => size),
    dispose: () => all.forEach((slot) => slot.dispose()),
  };
}

type AdamSettings = Extract<OptimizerSettings, { kind: 'adam' | 'adamw' }>;

/**
 * Adam (Kingma and Ba 2015, algorithm 1): m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², change = m̂/(√v̂ + ε) with the bias-corrected
 * m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).
 */
function adamRule({ beta1, beta2, epsilon }: AdamSettings): { readonly rule: Rule; readonly slotCount: number } {
  const rule: Rule = (inputs, step) => {
    const meanCorrection = 1 / (1 - beta1 ** step);
    const squareCorrection = 1 / (1 - beta2 ** step);
    const fused: StepRule = { kind: 'adam', beta1, beta2, epsilon, meanCorrection, squareCorrection };
    return takeStep(fused, inputs) ?? composeAdam(fused, inputs);
  };
  return { rule, slotCount: 2 };
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
function momentumRule({ momentum, nesterov }: Extract<OptimizerSettings, { kind: 'sgd' }>): {
  readonly rule: Rule;
  readonly slotCount: number;
} {
  if (momentum === 0) return { rule: (inputs) => [subtract(inputs, inputs.gradient)], slotCount: 0 };
  const rule: Rule = (inputs) => {
    const fused = takeStep({ kind: 'momentum', momentum, nesterov }, inputs);
    if (fused !== null) return fused;
    const { gradient, slots } = inputs;
    const velocity = tf.add(tf.mul(slots[0]!, momentum), gradient);
    const change = nesterov ? tf.add(gradient, tf.mul(velocity, momentum)) : velocity;
    return [subtract(inputs, change), velocity];
  };
  return { rule, slotCount: 1 };
}
