// Checks parsed YAML against the JSON Schemas that editors and the runner use as well, and says in words what differs and where. What a schema
// cannot say (sizes that do not fit, say) is checked by others, on values that have passed here.

import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Fault, Path } from './faults.ts';
import { describe } from './faults.ts';
import { suggest } from './suggest.ts';

const schemas = {
  params: new URL('./params.schema.json', import.meta.url),
  metrics: new URL('./evaluation-metrics.schema.json', import.meta.url),
};

/** A schema, or a definition within one. */
export type SchemaName = 'params' | 'params#/$defs/data' | 'metrics';

let ajv: Ajv2020 | undefined;

function validator(name: SchemaName): ValidateFunction {
  if (ajv === undefined) {
    ajv = new Ajv2020({ strict: true, allErrors: true, verbose: true });
    ajv.addKeyword('x-expected');
    for (const [key, url] of Object.entries(schemas))
      ajv.addSchema(JSON.parse(readFileSync(url, 'utf8')) as object, key);
  }
  const found = ajv.getSchema(name);
  if (found === undefined) throw new Error(`there is no schema ${name}`);
  return found;
}

/** All that the schema does not allow. `path` is where the value stands in its file. */
export function checkAgainst(name: SchemaName, value: unknown, path: Path = []): Fault[] {
  const validate = validator(name);
  if (validate(value)) return [];
  return (validate.errors ?? []).flatMap((error) => explain(error, value, path) ?? []);
}

/** What the parts of a schema that speak of one value look like. */
interface Part {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-expected'?: string;
}

/** Undefined for errors that only repeat others. */
function explain(error: ErrorObject, root: unknown, base: Path): Fault | undefined {
  const { value, path: inner } = locate(root, error.instancePath);
  const path = [...base, ...inner];
  const part = error.parentSchema as Part;
  if (error.propertyName !== undefined)
    return { path, message: `${JSON.stringify(error.propertyName)} cannot be used: expected ${expected(part)}` };
  switch (error.keyword) {
    case 'if':
    case 'propertyNames':
      return undefined;
    case 'additionalProperties': {
      const { additionalProperty } = error.params as { additionalProperty: string };
      return unknownKey(path, additionalProperty, Object.keys(part.properties ?? {}));
    }
    case 'required':
      return { path, message: `"${(error.params as { missingProperty: string }).missingProperty}" is missing` };
    default:
      return wrongValue(path, value, part);
  }
}

function unknownKey(path: Path, key: string, known: readonly string[]): Fault {
  const near = suggest(key, known);
  const hint = near === undefined ? `known keys: ${known.join(', ')}` : `did you mean "${near}"?`;
  return { path, message: `unknown key ${JSON.stringify(key)}`, hint };
}

function wrongValue(path: Path, value: unknown, part: Part): Fault {
  const words = (part.enum ?? []).filter((word) => typeof word === 'string');
  const near = typeof value === 'string' ? suggest(value, words) : undefined;
  const hint = near === undefined ? undefined : `did you mean "${near}"?`;
  return { path, message: `expected ${expected(part)}, got ${describe(value)}`, hint };
}

function expected(part: Part): string {
  if (part['x-expected'] !== undefined) return part['x-expected'];
  if (part.enum !== undefined) return part.enum.join(', ');
  const types = [part.type ?? []].flat();
  return types.map((type) => typeNames[type] ?? type).join(' or ');
}

const typeNames: Readonly<Record<string, string>> = { object: 'a map', array: 'a list' };

/** Follows a JSON pointer; positions in lists become numbers. */
function locate(root: unknown, pointer: string): { readonly value: unknown; readonly path: Path } {
  let value = root;
  const path: (string | number)[] = [];
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(name) : name);
    value = (value as Record<string, unknown>)[name];
  }
  return { value, path };
}
