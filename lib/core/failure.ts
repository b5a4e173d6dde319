// What can go wrong where a user can do something about it: where, what, and what next.

/** A place in a text file; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake in a configuration file, or one request that cannot be carried out. */
export interface Fault {
  readonly at?: Position | undefined;
  readonly message: string;
  /** What to do next. */
  readonly hint?: string | undefined;
}

/** The exit code that a failure of the whole command ends with; a part of the command-line contract. */
export const exitCodes = { done: 0, failed: 1, usage: 2, locked: 3, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure of the whole command: nothing further can be done in this process. */
export interface CommandFailure {
  readonly kind: 'configuration' | 'usage' | 'locked' | 'storage' | 'interrupted';
  readonly faults: readonly Fault[];
}

export function failure(kind: CommandFailure['kind'], ...faults: Fault[]): CommandFailure {
  return { kind, faults };
}

export function exitCodeOf(kind: CommandFailure['kind']): ExitCode {
  switch (kind) {
    case 'configuration':
    case 'usage':
      return exitCodes.usage;
    case 'locked':
      return exitCodes.locked;
    case 'storage':
      return exitCodes.failed;
    case 'interrupted':
      return exitCodes.interrupted;
  }
}

/** `file:line:col message`, and the hint on a line of its own. */
export function renderFault(fault: Fault): string {
  const where = fault.at === undefined ? '' : `${fault.at.file}:${fault.at.line}:${fault.at.column}: `;
  const hint = fault.hint === undefined ? '' : `\n  hint: ${fault.hint}`;
  return `${where}${fault.message}${hint}`;
}
