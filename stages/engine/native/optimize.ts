// A step of an optimiser as one operation of TensorFlow a parameter, in the place of up to fourteen. TensorFlow's operations change variables of its own, which
// those of TensorFlow.js are not: a few of its variables borrow the values of one parameter after the other.

import * as tf from '@tensorflow/tfjs-core';

import type { StepAttributes } from '../optimize.ts';
import type { NativeBackend } from './load.ts';
import { addKernel, attribute, floatType } from './operation.ts';

/** Registers the kernels of both rules. */
export function setNativeOptimizers(): void {
  addKernel('AdamStep', (native, { parameter, gradient, first, second }, attributes) => {
    const { beta1, beta2, epsilon, meanCorrection, squareCorrection, lr, keep } = attributes as StepAttributes<'adam'>;
    // With corrections a and b, lr·(a·m)/(√(b·v) + ε) = (lr·a/√b)·m/(√v + ε/√b). TensorFlow's own corrections are made of β₁ᵗ and β₂ᵗ: 0 turns them off.
    const root = Math.sqrt(squareCorrection);
    const factors = [0, 0, (lr * meanCorrection) / root, beta1, beta2, epsilon / root];
    return change(native, {
      values: [parameter!, first!, second!],
      keep,
      operation: 'ResourceApplyAdam',
      factors,
      operands: (scalars) => [...scalars, gradient!],
    });
  });
  addKernel('MomentumStep', (native, { parameter, gradient, first }, attributes) => {
    const { momentum, nesterov, lr, keep } = attributes as StepAttributes<'momentum'>;
    return change(native, {
      values: [parameter!, first!],
      keep,
      operation: 'ResourceApplyMomentum',
      factors: [lr, momentum],
      operands: ([rate, share]) => [rate!, gradient!, share!],
      nesterov,
    });
  });
}

interface Change {
  /** The parameter and its slots. */
  readonly values: readonly tf.Tensor[];
  /** What of the parameter stays before the change. */
  readonly keep: number;
  readonly operation: string;
  readonly factors: readonly number[];
  /** What the operation takes after the variables, in its order. */
  readonly operands: (factors: readonly tf.Tensor[]) => readonly tf.Tensor[];
  readonly nesterov?: boolean;
}

/** The values after the change. */
function change(native: NativeBackend, { values, keep, operation, factors, operands, nesterov }: Change): tf.Tensor[] {
  const { variables, scalarsOf } = workbenchOf(native);
  const type = floatType(native, 'dtype');
  const used = variables.slice(0, values.length);
  const start = keep === 1 ? values[0]! : tf.mul(values[0]!, keep);
  [start, ...values.slice(1)].forEach((value, index) =>
    native.executeMultipleOutputs('AssignVariableOp', [type], [used[index]!, value], 0),
  );
  if (start !== values[0]) start.dispose();
  const flags = [floatType(native), attribute(native, 'BOOL', 'use_nesterov', nesterov ?? false)];
  native.executeMultipleOutputs(operation, flags, [...used, ...operands(scalarsOf(factors))], 0);
  return used.map((variable) => native.executeSingleOutput('ReadVariableOp', [type], [variable]));
}

/** What stays from one change to the next. */
interface Workbench {
  /** They hold what the last change gave, of any shape. */
  readonly variables: readonly tf.Tensor[];
  /** Those of the change before, where the factors are the same: all parameters of a step share them. */
  readonly scalarsOf: (factors: readonly number[]) => readonly tf.Tensor[];
}

const workbenches = new WeakMap<NativeBackend, Workbench>();

function workbenchOf(native: NativeBackend): Workbench {
  const known = workbenches.get(native) ?? createWorkbench(native);
  workbenches.set(native, known);
  return known;
}

function createWorkbench(native: NativeBackend): Workbench {
  const variables = ['parameter', 'first', 'second'].map((role) => {
    const name = attribute(native, 'STRING', 'shared_name', role);
    const options = [floatType(native, 'dtype'), attribute(native, 'SHAPE', 'shape', []), name];
    return tf.keep(native.executeSingleOutput('VarHandleOp', options, []));
  });
  let factors: readonly number[] = [];
  let scalars: readonly tf.Tensor[] = [];
  const scalarsOf = (wanted: readonly number[]): readonly tf.Tensor[] => {
    if (tf.util.arraysEqual([...wanted], [...factors])) return scalars;
    tf.dispose([...scalars]);
    factors = wanted;
    scalars = wanted.map((factor) => tf.keep(tf.scalar(factor)));
    return scalars;
  };
  return { variables, scalarsOf };
}
