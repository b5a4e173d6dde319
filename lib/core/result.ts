// Expected failures are values; a thrown exception is a bug.

export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** A value that is there now, or a promise of it: the fast path of a no-op run stays synchronous. */
export type MaybePromise<T> = T | Promise<T>;

declare const brand: unique symbol;
/** A string that only its own constructor may make. A string may carry several brands. */
export type Branded<Name extends string> = string & { readonly [brand]: { readonly [Key in Name]: true } };

/** What an unknown thrown value says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error (`ENOENT`, …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
