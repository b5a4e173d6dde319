// What can be wrong with a value that has to fit a schema, as data: one finding for each thing to mend.

interface Placed {
  /** Keys and positions that lead to the value. */
  readonly path: readonly string[];
}
/** The value cannot be used. */
export interface ValueFinding extends Placed {
  readonly kind: 'value';
  /** What would do, in words; `choices` are values that would. */
  readonly expected: readonly string[];
  readonly choices: readonly unknown[];
  /** It is not even of the right kind. */
  readonly otherKind: boolean;
  /** How much is in it matters. */
  readonly sized: boolean;
}
export interface UnknownKey extends Placed {
  readonly kind: 'unknown';
  readonly key: string;
  readonly known: readonly string[];
  /** It may only be unknown because an alternative that accounts for it failed. */
  readonly derived: boolean;
}
export interface MissingKey extends Placed {
  readonly kind: 'missing';
  /** One of them is needed. */
  readonly keys: readonly string[];
  /** The key that needs it. */
  readonly because?: string;
}
/** A key of the value at `path` has a name that cannot be. */
export interface NameFinding extends Placed {
  readonly kind: 'name';
  readonly key: string;
  readonly expected: readonly string[];
  readonly choices: readonly unknown[];
}
/** Anything else, in words. */
export interface OtherFinding extends Placed {
  readonly kind: 'other';
  readonly message: string;
}
export type Finding = ValueFinding | UnknownKey | MissingKey | NameFinding | OtherFinding;

/** What tells one place from another. */
export function placeOf(finding: Finding): string {
  return `${finding.path.join('\n')}\n`;
}
