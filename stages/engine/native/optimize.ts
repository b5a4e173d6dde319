// A step of an optimiser as one operation of TensorFlow a parameter, in the place of up to fourteen. TensorFlow's operations change variables of its own in
// place. What an optimiser remembers lives in such variables; a parameter, which TensorFlow.js needs as a tensor of its own, is lent to one for the step.

import * as tf from '@tensorflow/tfjs-core';

import { setResidentSlots, type ResidentSlots, type StepInputs, type StepRule } from '../optimize.ts';
import type { NativeBackend } from './load.ts';
import { attribute, backendName, floatType } from './operation.ts';

let workbench: Workbench | undefined;

/** Makes optimisers use it while native TensorFlow is the active backend. */
export function setNativeOptimizers(): void {
  setResidentSlots(backendName, (shape, count): ResidentSlots => {
    // The one that is active now: another one each time that the engine is started.
    const native = tf.backend() as unknown as NativeBackend;
    const { borrower, scalarsOf } = (workbench ??= createWorkbench(native));
    const slots = Array.from({ length: count }, () => createVariable(native));
    const write = (values: readonly tf.Tensor[]): void =>
      slots.forEach((slot, place) => assign(native, slot, values[place]!));
    tf.tidy(() => write(slots.map(() => tf.zeros(shape))));
    return {
      step: (rule, inputs) => {
        const { parameter, gradient, keep } = inputs;
        const start = keep === 1 ? parameter : tf.mul(parameter, keep);
        assign(native, borrower, start);
        // Nobody else holds it then, so that it need not be copied before it is changed.
        if (start !== parameter) start.dispose();
        const { operation, factors, operands, nesterov } = describe(rule, inputs);
        const flags = [floatType(native), attribute(native, 'BOOL', 'use_nesterov', nesterov)];
        const given = [borrower, ...slots, ...operands(scalarsOf(factors), gradient)];
        native.executeMultipleOutputs(operation, flags, given, 0);
        return read(native, borrower);
      },
      read: () => slots.map((slot) => read(native, slot)),
      write,
      dispose: () => slots.forEach((slot) => destroy(native, slot)),
    };
  });
}

/** To be called before the backend is stopped, which owns what all optimisers share. */
export function stopNativeOptimizers(): void {
  workbench?.dispose();
  workbench = undefined;
}

interface Operation {
  readonly operation: string;
  readonly factors: readonly number[];
  /** What the operation takes after the variables, in its order. */
  readonly operands: (factors: readonly tf.Tensor[], gradient: tf.Tensor) => readonly tf.Tensor[];
  readonly nesterov: boolean;
}

function describe(rule: StepRule, { lr }: Pick<StepInputs, 'lr'>): Operation {
  if (rule.kind === 'momentum')
    return {
      operation: 'ResourceApplyMomentum',
      factors: [lr, rule.momentum],
      operands: ([rate, share], gradient) => [rate!, gradient, share!],
      nesterov: rule.nesterov,
    };
  const { beta1, beta2, epsilon, meanCorrection, squareCorrection } = rule;
  // With corrections a and b, lr·(a·m)/(√(b·v) + ε) = (lr·a/√b)·m/(√v + ε/√b). TensorFlow's own corrections are made of β₁ᵗ and β₂ᵗ: 0 turns them off.
  const root = Math.sqrt(squareCorrection);
  return {
    operation: 'ResourceApplyAdam',
    factors: [0, 0, (lr * meanCorrection) / root, beta1, beta2, epsilon / root],
    operands: (scalars, gradient) => [...scalars, gradient],
    nesterov: false,
  };
}

let created = 0;

/** A variable of TensorFlow for values of any shape, none so far. */
function createVariable(native: NativeBackend): tf.Tensor {
  const name = attribute(native, 'STRING', 'shared_name', `variable_${++created}`);
  const options = [floatType(native, 'dtype'), attribute(native, 'SHAPE', 'shape', []), name];
  return tf.keep(native.executeSingleOutput('VarHandleOp', options, []));
}

/** The variable shares the values, until it is changed while others have them, too. */
function assign(native: NativeBackend, variable: tf.Tensor, value: tf.Tensor): void {
  native.executeMultipleOutputs('AssignVariableOp', [floatType(native, 'dtype')], [variable, value], 0);
}

function read(native: NativeBackend, variable: tf.Tensor): tf.Tensor {
  return native.executeSingleOutput('ReadVariableOp', [floatType(native, 'dtype')], [variable]);
}

function destroy(native: NativeBackend, variable: tf.Tensor): void {
  native.executeMultipleOutputs('DestroyResourceOp', [], [variable], 0);
  variable.dispose();
}

/** What all parameters share. */
interface Workbench {
  /** It holds the parameter that was changed last. */
  readonly borrower: tf.Tensor;
  /** Those of the change before, where the factors are the same: all parameters of a step share them. */
  readonly scalarsOf: (factors: readonly number[]) => readonly tf.Tensor[];
  readonly dispose: () => void;
}

function createWorkbench(native: NativeBackend): Workbench {
  let factors: readonly number[] = [];
  let scalars: readonly tf.Tensor[] = [];
  const scalarsOf = (wanted: readonly number[]): readonly tf.Tensor[] => {
    if (tf.util.arraysEqual([...wanted], [...factors])) return scalars;
    tf.dispose([...scalars]);
    factors = wanted;
    scalars = wanted.map((factor) => tf.keep(tf.scalar(factor)));
    return scalars;
  };
  const borrower = createVariable(native);
  const dispose = (): void => {
    destroy(native, borrower);
    tf.dispose([...scalars]);
  };
  return { borrower, scalarsOf, dispose };
}
