// JSON Schemas (draft 2020-12) compiled while the program runs: those that users write, and JSON Schema itself.

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, Options, ValidateFunction } from 'ajv/dist/2020.js';
import { errorsOf, resolverOf } from './validator.ts';
import type { Validator } from './validator.ts';
import { isSchema } from './wording.ts';
import type { Resolve, Schema } from './wording.ts';

/** No optimizer, nothing inlined: compiling is most of the time that a small file takes. Whether the schema itself is valid is the caller's business. */
const usual: Options = {
  allErrors: true,
  verbose: true,
  allowUnionTypes: true,
  strictRequired: false,
  strictTypes: false,
  strictTuples: false,
  // `format` is a remark in this draft; `constructor` is no key of every map.
  validateFormats: false,
  ownProperties: true,
  // 0.3 is a multiple of 0.1, whatever binary fractions make of it.
  multipleOfPrecision: 9,
  validateSchema: false,
  code: { optimize: false },
  inlineRefs: false,
};

export function newAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ ...usual, ...options });
  ajv.addKeyword('x-expected');
  // Followed by ajv, which yet does not know it as a keyword.
  ajv.addKeyword('$anchor');
  return ajv;
}

const key = 'schema';

export class AjvValidator implements Validator {
  readonly resolve: Resolve;
  readonly #ajv: Ajv2020;
  readonly #root: Schema;
  readonly #base: string;
  readonly #validate: ValidateFunction;
  /** Where each part stands: a reference to it. Made when it is first needed, which is when something is wrong. */
  #places: Map<object, string> | undefined;
  readonly #parts = new Map<string, ValidateFunction>();

  /** Throws what ajv throws for a schema that it cannot compile. */
  constructor(schema: Schema, ajv: Ajv2020 = newAjv()) {
    this.#ajv = ajv;
    this.#root = schema;
    this.resolve = resolverOf(schema);
    const id = schema['$id'];
    this.#base = typeof id === 'string' ? id.replace(/#$/, '') : key;
    // The meta-schema is known to ajv already.
    if (ajv.getSchema(this.#base) === undefined) ajv.addSchema(schema, this.#base);
    this.#validate = ajv.getSchema(this.#base)!;
  }

  check(value: unknown): readonly ErrorObject[] {
    return errorsOf(this.#validate, value);
  }

  checkPart(parent: unknown, path: readonly (string | number)[], value: unknown): readonly ErrorObject[] | undefined {
    if (!isSchema(parent)) return undefined;
    this.#places ??= this.#findPlaces();
    const place = this.#places.get(parent);
    if (place === undefined) return undefined;
    const $ref = path.reduce<string>((ref, name) => `${ref}/${escape(String(name))}`, place);
    const known = this.#parts.get($ref) ?? this.#ajv.compile({ $ref });
    this.#parts.set($ref, known);
    return errorsOf(known, value);
  }

  #findPlaces(): Map<object, string> {
    const places = new Map<object, string>();
    const walk = (part: unknown, place: string): void => {
      if (typeof part !== 'object' || part === null || places.has(part)) return;
      places.set(part, place);
      for (const [name, inner] of Object.entries(part)) walk(inner, `${place}/${escape(name)}`);
    };
    walk(this.#root, `${this.#base}#`);
    for (const name of vocabularies) {
      const id = `https://json-schema.org/draft/2020-12/${name}`;
      walk(this.#ajv.getSchema(id)?.schema, `${id}#`);
    }
    return places;
  }
}

/** The meta-schema consists of these. */
const vocabularies = [
  'schema',
  'meta/core',
  'meta/applicator',
  'meta/unevaluated',
  'meta/validation',
  'meta/meta-data',
  'meta/format-annotation',
  'meta/content',
];

function escape(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
