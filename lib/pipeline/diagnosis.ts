// From what the validator reports to what is wrong: one finding for each thing to mend. Knows neither places in a text nor whole messages.

import type { ErrorObject } from 'ajv/dist/2020.js';
import { isList } from '../core/value.ts';
import { chooseBranch } from './branch.ts';
import { placeOf } from './finding.ts';
import type { Finding, NameFinding, ValueFinding } from './finding.ts';
import { unescapePointer } from './validator.ts';
import type { Validator } from './validator.ts';
import { count, expectedOf, isSchema } from './wording.ts';
import type { Schema } from './wording.ts';

/** What is wrong with the value, each thing once. */
export function findFaults(validator: Validator, value: unknown): readonly Finding[] {
  const errors = validator.check(value);
  const findings = read(errors, [], validator);
  // Whatever happens, what does not fit is not let through.
  return errors.length > 0 && findings.length === 0
    ? [{ kind: 'other', path: [], message: 'this does not fit the schema' }]
    : findings;
}

/** Failed alternatives stand right before the failure of the whole: that one is read, they are skipped. */
function read(errors: readonly ErrorObject[], base: readonly string[], validator: Validator): readonly Finding[] {
  const found: (readonly Finding[])[] = [];
  for (let index = errors.length - 1; index >= 0; index--) {
    const error = errors[index]!;
    const path = [...base, ...error.instancePath.split('/').slice(1).map(unescapePointer)];
    const inner = readInner(error, validator);
    index -= inner.flat().length;
    found.push(interpret(error, path, { inner, validator }));
  }
  const findings = found.toReversed().flat();
  const misfits = new Set(findings.flatMap((one) => (one.kind === 'value' && one.otherKind ? [placeOf(one)] : [])));
  const certain = findings.filter(
    (one) => !(one.kind === 'unknown' && one.derived) && !(one.kind === 'other' && misfits.has(placeOf(one))),
  );
  return certain.length > 0 ? certain : findings;
}

/** The errors of each alternative, in the order in which they were reported. */
function readInner(error: ErrorObject, validator: Validator): readonly (readonly ErrorObject[])[] {
  const check = (path: readonly (string | number)[], value: unknown): readonly ErrorObject[] =>
    validator.checkPart(error.parentSchema, path, value) ?? [];
  const { keyword, data } = error;
  if (keyword === 'contains')
    return isList(data) ? readContained(error, data, (item) => check(['contains'], item)) : [];
  if ((keyword !== 'anyOf' && keyword !== 'oneOf') || !isList(error.schema)) return [];
  const [, second] = passingOf(error) ?? [];
  const tried = second === undefined ? error.schema : error.schema.slice(0, second + 1);
  return tried.map((_, index) => check([keyword, index], data));
}

/** The errors of each item up to the one that is too many: no more were looked at. */
function readContained<T>(
  { params }: ErrorObject,
  items: readonly unknown[],
  check: (item: unknown) => readonly T[],
): readonly (readonly T[])[] {
  const { maxContains = Infinity } = params as { maxContains?: number };
  const found: (readonly T[])[] = [];
  let fitting = 0;
  for (const item of items) {
    const errors = check(item);
    found.push(errors);
    if (errors.length === 0 && ++fitting > maxContains) break;
  }
  return found;
}

/** The two forms of `oneOf` that both fit. */
function passingOf(error: ErrorObject): readonly [number, number] | undefined {
  const { passingSchemas } = error.params as { passingSchemas?: readonly [number, number] | null };
  return passingSchemas ?? undefined;
}

interface Within {
  readonly inner: readonly (readonly ErrorObject[])[];
  readonly validator: Validator;
}

function interpret(error: ErrorObject, path: readonly string[], within: Within): readonly Finding[] {
  const { keyword } = error;
  const params = error.params as Readonly<Record<string, unknown>>;
  const part = isSchema(error.parentSchema) ? error.parentSchema : {};
  switch (keyword) {
    // They only repeat what stands before them.
    case 'if':
    case 'propertyNames':
      return [];
    case 'anyOf':
    case 'oneOf':
      return interpretForms(error, path, within);
    case 'additionalProperties':
      return [
        { kind: 'unknown', path, key: String(params['additionalProperty']), known: ownKeys(part), derived: false },
      ];
    case 'unevaluatedProperties': {
      const key = String(params['unevaluatedProperty']);
      const known = allKeys(part, within.validator);
      return [{ kind: 'unknown', path, key, known, derived: known.includes(key) }];
    }
    case 'required':
      return [{ kind: 'missing', path, keys: [String(params['missingProperty'])] }];
    case 'dependencies':
    case 'dependentRequired': {
      const { property, missingProperty } = params;
      return [{ kind: 'missing', path, keys: [String(missingProperty)], because: String(property) }];
    }
    default:
      return [interpretValue(error, path, part, within.validator)];
  }
}

function interpretForms(error: ErrorObject, path: readonly string[], { inner, validator }: Within): readonly Finding[] {
  const part = isSchema(error.parentSchema) ? error.parentSchema : {};
  const passing = passingOf(error);
  const { propertyName } = error;
  if (propertyName !== undefined) return [wrongName(path, propertyName, part, validator)];
  if (passing !== undefined) return [fitsTwice(error, path, passing)];
  const single = typeof error.data !== 'object' || error.data === null;
  const chosen = chooseBranch(
    inner.map((errors) => read(errors, path, validator)),
    path,
    single,
  );
  const whole = chosen.every((one) => one.kind === 'value' && one.path.length === path.length);
  return chosen.length === 0 || (whole && 'x-expected' in part) ? [wrongValue(path, part, validator)] : chosen;
}

function fitsTwice(error: ErrorObject, path: readonly string[], passing: readonly [number, number]): Finding {
  const forms = error.schema as readonly unknown[];
  const [one, other] = passing.map((index) => {
    const form = forms[index];
    const title = isSchema(form) ? (form['title'] ?? form['description']) : undefined;
    return typeof title === 'string' ? `"${title}"` : `form ${index + 1}`;
  });
  return { kind: 'other', path, message: `it fits ${one!} and ${other!} at once, and may fit only one of the two` };
}

function interpretValue(error: ErrorObject, path: readonly string[], part: Schema, validator: Validator): Finding {
  const { keyword, propertyName } = error;
  if (propertyName !== undefined) return wrongName(path, propertyName, part, validator);
  switch (keyword) {
    case 'false schema':
      return { kind: 'other', path, message: 'it cannot be used here' };
    case 'not':
      return negation(path, part, validator);
    case 'uniqueItems': {
      const { i, j } = error.params as { i: number; j: number };
      const message = `it is the same as [${Math.min(i, j)}], and no item may stand there twice`;
      return { kind: 'other', path: [...path, String(Math.max(i, j))], message };
    }
    case 'contains':
      return { ...wrongValue(path, part, validator), expected: [containing(part, validator)], sized: true };
    case 'items':
    case 'unevaluatedItems': {
      const { limit, len } = error.params as { limit?: number; len?: number };
      const expected = `a list of at most ${count(limit ?? len ?? 0, 'item')}`;
      return { ...wrongValue(path, part, validator), expected: [expected], sized: true };
    }
    default:
      return {
        ...wrongValue(path, part, validator),
        otherKind: ['type', 'const', 'enum'].includes(keyword),
        sized: /^(min|max)(Items|Properties)$/.test(keyword),
      };
  }
}

function wrongValue(path: readonly string[], part: Schema, validator: Validator): ValueFinding {
  return { kind: 'value', path, ...wanted(part, validator), otherKind: false, sized: false };
}

function wrongName(path: readonly string[], key: string, part: Schema, validator: Validator): NameFinding {
  return { kind: 'name', path, key, ...wanted(part, validator) };
}

/** In words, or as a list of values. */
function wanted(part: Schema, { resolve }: Validator): { expected: readonly string[]; choices: readonly unknown[] } {
  if (typeof part['x-expected'] === 'string') return { expected: [part['x-expected']], choices: [] };
  if ('const' in part) return { expected: [], choices: [part['const']] };
  if (isList(part['enum'])) return { expected: [], choices: part['enum'] };
  return { expected: [expectedOf(part, resolve)], choices: [] };
}

function containing(part: Schema, { resolve }: Validator): string {
  if (typeof part['x-expected'] === 'string') return part['x-expected'];
  const { minContains, maxContains } = part;
  const what = `that ${maxContains === 1 || minContains === undefined ? 'is' : 'are'} ${expectedOf(part['contains'], resolve)}`;
  const least = typeof minContains === 'number' ? minContains : 1;
  if (typeof maxContains !== 'number') return `a list with at least ${count(least, 'item')} ${what}`;
  if (least === maxContains) return `a list with exactly ${count(least, 'item')} ${what}`;
  return `a list with ${least} to ${count(maxContains, 'item')} ${what}`;
}

/** `not` speaks of keys that exclude each other, most of the time. */
function negation(path: readonly string[], part: Schema, validator: Validator): Finding {
  const { not } = part;
  const keys = isSchema(not) && Object.keys(not).every((name) => name === 'required') ? not['required'] : undefined;
  if (typeof part['x-expected'] === 'string' || !isList(keys) || keys.length === 0) {
    const finding = wrongValue(path, part, validator);
    const but = `anything but ${expectedOf(not, validator.resolve)}`;
    return 'x-expected' in part ? finding : { ...finding, expected: [but], choices: [] };
  }
  const names = keys.map((name) => JSON.stringify(name)).join(' and ');
  const message = keys.length === 1 ? `${names} cannot be used here` : `${names} cannot be used together`;
  return { kind: 'other', path, message };
}

function ownKeys(part: Schema): readonly string[] {
  return isSchema(part['properties']) ? Object.keys(part['properties']) : [];
}

/** The keys that a schema and all that it refers to for the same value speak of. */
function allKeys(start: Schema, { resolve }: Validator): readonly string[] {
  const keys = new Set<string>();
  const seen = new Set<unknown>();
  const walk = (part: unknown): void => {
    if (!isSchema(part) || seen.has(part)) return;
    seen.add(part);
    for (const key of ownKeys(part)) keys.add(key);
    for (const union of [part['allOf'], part['anyOf'], part['oneOf']]) if (isList(union)) union.forEach(walk);
    for (const one of [part['if'], part['then'], part['else']]) walk(one);
    if (isSchema(part['dependentSchemas'])) Object.values(part['dependentSchemas']).forEach(walk);
    if (typeof part['$ref'] === 'string') walk(resolve(part['$ref']));
  };
  walk(start);
  return [...keys];
}
