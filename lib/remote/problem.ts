// What a remote says when it cannot do something: what happened, which remote, what to do. No message holds a secret.
// Inside this floor problems travel as exceptions, through pools and retries; its public functions turn them into values.

import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';

export type ProblemKind =
  /** The file is not there. */
  | 'missing'
  /** The bucket, container or folder itself is not there. */
  | 'no-place'
  | 'denied'
  | 'offline'
  | 'certificate'
  | 'read-only'
  /** May go well when tried again. */
  | 'transient'
  /** The bytes are not those that were recorded. */
  | 'damaged'
  /** Somebody else is at work there. */
  | 'busy'
  /** A library or a setting is missing. */
  | 'setup'
  /** The disk of this machine. */
  | 'local'
  | 'interrupted'
  | 'other';

export interface RemoteProblem {
  readonly kind: ProblemKind;
  readonly message: string;
  readonly hint?: string | undefined;
}

export class RemoteFault extends Error {
  readonly problem: RemoteProblem;

  constructor(kind: ProblemKind, message: string, hint?: string) {
    super(message);
    this.problem = { kind, message, hint };
  }
}

/** Turns thrown problems into values; anything else is a bug and is thrown on. */
export async function caught<T>(work: () => Promise<T>): Promise<Result<T, RemoteProblem>> {
  try {
    return ok(await work());
  } catch (error) {
    if (error instanceof RemoteFault) return err(error.problem);
    throw error;
  }
}

export function isKind(error: unknown, ...kinds: readonly ProblemKind[]): boolean {
  return error instanceof RemoteFault && kinds.includes(error.problem.kind);
}
