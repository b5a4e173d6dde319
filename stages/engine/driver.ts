// What an engine has to provide to be chosen by `openEngine`: one file implements it for each. Knows no order among them.

import * as tf from '@tensorflow/tfjs-core';

import type { Engine, EngineInfo } from './engine.ts';

/** A backend of TensorFlow.js that is ready to be made the active one. */
export interface Started {
  readonly kind: 'started';
  /** Its name in TensorFlow.js. */
  readonly backend: string;
  readonly version: string;
  readonly device?: string;
  /** What a user should know of it beside that. */
  readonly notes: readonly string[];
  /** Gives its memory back. It can be started again. */
  readonly stop: () => void;
}

/** Why this machine cannot, in one line that says what would help. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: string;
}

export interface Driver {
  readonly name: Exclude<EngineInfo['name'], 'cpu'>;
  readonly threads: Engine['threads'];
  /** Why `auto` takes it when it works. */
  readonly merit: string;
  /** @param asked - false: `auto` tries it, so that only what is faster than the next one counts as working */
  readonly start: (asked: boolean) => Promise<Started | Refused>;
}

export function refuse(reason: string): Refused {
  return { kind: 'refused', reason };
}

/** Removes a backend, and leaves it as it was before it was first used. */
export function stopBackend(name: string): void {
  const factory = tf.findBackendFactory(name);
  tf.removeBackend(name);
  tf.registerBackend(name, factory, 2);
}
