// What is asked of a JSON Schema (draft 2020-12) that was compiled, whenever that was. It can also be asked about its parts: what a
// value lacks for one form of several can only be told form by form. Knows neither places nor words.

import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { isList } from '../core/value.ts';
import { isSchema } from './wording.ts';
import type { Resolve, Schema } from './wording.ts';

export interface Validator {
  /** Every way in which the value differs; those of failed alternatives stand before the failure of the whole. */
  readonly check: (value: unknown) => readonly ErrorObject[];
  /** The same for a part of the schema, named by the part that it is in; undefined where it cannot be looked at by itself. */
  readonly checkPart: (
    parent: unknown,
    path: readonly (string | number)[],
    value: unknown,
  ) => readonly ErrorObject[] | undefined;
  /** What a reference inside the schema leads to. */
  readonly resolve: Resolve;
}

export function errorsOf(validate: ValidateFunction, value: unknown): readonly ErrorObject[] {
  return validate(value) ? [] : (validate.errors ?? []);
}

export function resolverOf(root: Schema): Resolve {
  return (ref) => {
    if (ref === '#') return root;
    if (!ref.startsWith('#/')) return undefined;
    let part: unknown = root;
    for (const name of ref.slice(2).split('/')) {
      const plain = decode(name);
      part = isList(part) ? part[Number(plain)] : isSchema(part) ? part[plain] : undefined;
    }
    return part;
  };
}

/** A step of a JSON pointer as it is written in a reference. */
function decode(step: string): string {
  let plain = step;
  try {
    plain = decodeURIComponent(step);
  } catch {
    // It was not encoded, then.
  }
  return unescapePointer(plain);
}

export function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}
