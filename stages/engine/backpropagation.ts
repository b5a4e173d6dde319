// The gradients of a loss by variables, with as little memory as it takes: each activation and each gradient is given back as soon as the last
// operation that needs it is done, where TensorFlow.js's own `variableGrads` keeps them all to the end. Works on its tape, so on any backend.

import * as tf from '@tensorflow/tfjs-core';

/** An operation as TensorFlow.js records it. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Copies (without copying values) of what its gradient needs. */
  readonly saved?: readonly tf.Tensor[];
  readonly gradient?: (dys: readonly (tf.Tensor | undefined)[]) => Readonly<Record<string, () => tf.Tensor>>;
}

/** What we use of TensorFlow.js's engine beyond its public types. */
interface Recorder {
  readonly state: { activeTape: TapeNode[] | null };
  startTape(): void;
  endTape(): void;
}

export interface LossAndGradients {
  readonly loss: tf.Scalar;
  /** Of each variable, in order; zero where the loss does not depend on it. */
  readonly gradients: tf.Tensor[];
}

/**
 * Computes the loss and its gradients. The caller disposes them. Throws where an operation on the way has no gradient. May not be called while another
 * gradient is being computed.
 */
export function computeGradients(computeLoss: () => tf.Scalar, variables: readonly tf.Variable[]): LossAndGradients {
  const recorder = tf.engine() as unknown as Recorder;
  return tf.tidy(() => {
    recorder.startTape();
    const tape = new Tape(variables);
    recorder.state.activeTape = tape;
    let loss: tf.Scalar;
    try {
      loss = tf.tidy(computeLoss);
    } finally {
      recorder.endTape();
    }
    recorder.state.activeTape = null;
    try {
      return { loss, gradients: walkBack(tape, loss, variables) };
    } finally {
      for (const node of tape) forget(node);
    }
  });
}

/** Records what the variables have an influence on, and forgets the rest at once. */
class Tape extends Array<TapeNode> {
  /** Ids of the variables, and of the tensors that they have an influence on. */
  readonly dependent: Set<number>;

  constructor(variables: readonly tf.Variable[]) {
    super();
    this.dependent = new Set(variables.map(({ id }) => id));
  }

  override push(node: TapeNode): number {
    if (!Object.values(node.inputs).some(({ id }) => this.dependent.has(id))) {
      forget(node);
      return this.length;
    }
    node.outputs.forEach(({ id }) => this.dependent.add(id));
    return super.push(node);
  }
}

function forget({ saved }: TapeNode): void {
  saved?.forEach((tensor) => tensor.dispose());
}

function walkBack(tape: Tape, loss: tf.Scalar, variables: readonly tf.Variable[]): tf.Tensor[] {
  const { dependent } = tape;
  const gradients = new Map<number, tf.Tensor>([[loss.id, tf.scalar(1)]]);
  for (let index = tape.length - 1; index >= 0; index--) {
    const node = tape[index]!;
    const dys = node.outputs.map(({ id }) => gradients.get(id));
    const wanted = Object.entries(node.inputs).filter(([, { id }]) => dependent.has(id));
    if (wanted.length > 0 && dys.some((dy) => dy !== undefined)) {
      const dxs = differentiate(node, dys, wanted);
      wanted.forEach(([, { id }], index) => addGradient(gradients, id, dxs[index]!));
    }
    node.outputs.forEach(({ id }) => gradients.delete(id));
    tf.dispose(dys);
    forget(node);
  }
  return variables.map((variable) => gradients.get(variable.id) ?? tf.zeros(variable.shape));
}

/** The gradient by each of the wanted inputs, none of which is the same object as another one or as one of the dys. */
function differentiate(
  node: TapeNode,
  dys: readonly (tf.Tensor | undefined)[],
  wanted: readonly (readonly [name: string, input: tf.Tensor])[],
): tf.Tensor[] {
  if (node.gradient === undefined) throw new Error(`the engine knows no gradient of ${node.kernelName}`);
  const { gradient } = node;
  return tf.tidy(() => {
    const taken = new Set(dys);
    const byName = gradient(dys);
    return wanted.map(([name, input]) => {
      const dx = tf.tidy(byName[name] ?? (() => tf.zerosLike(input)));
      const own = taken.has(dx) ? dx.clone() : dx;
      taken.add(own);
      return own;
    });
  });
}

function addGradient(gradients: Map<number, tf.Tensor>, id: number, more: tf.Tensor): void {
  const known = gradients.get(id);
  gradients.set(id, known === undefined ? more : tf.add(known, more));
  if (known !== undefined) tf.dispose([known, more]);
}
