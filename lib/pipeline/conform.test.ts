import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkValues } from './conform.ts';

/** Every fault as `line:col message | hint`; in another file than the values, or without a place, as it stands. */
function faults(text: string, schema: object | string, file = 'p.yaml'): string[] {
  const rules = typeof schema === 'string' ? schema : JSON.stringify(schema);
  return checkValues({ file, text }, { file: 's.json', text: rules }).map(({ at, message, hint }) => {
    const where = at === undefined ? '' : `${at.file === file ? '' : `${at.file}:`}${at.line}:${at.column} `;
    return `${where}${message}${hint === undefined ? '' : ` | ${hint}`}`;
  });
}

function object(properties: object, more: object = {}): object {
  return { type: 'object', properties, additionalProperties: false, ...more };
}

describe('one value', () => {
  it.each<[object, string, string]>([
    [{ type: 'integer' }, '1.5', 'expected a whole number, got 1.5'],
    [{ type: ['string', 'null'] }, '1', 'expected text or nothing, got 1'],
    [{ type: 'boolean' }, 'yes', 'expected true or false, got text "yes"'],
    [{ type: 'number' }, '.nan', 'expected a number, got NaN'],
    [{ type: 'number', minimum: 0, maximum: 1 }, '2', 'expected a number from 0 to 1, got 2'],
    [{ type: 'number', exclusiveMinimum: 0, maximum: 1 }, '0', 'expected a number over 0, up to 1, got 0'],
    [{ minimum: 0, exclusiveMaximum: 1 }, '1', 'expected a number from 0, below 1, got 1'],
    [{ type: 'number', exclusiveMaximum: 1 }, '1', 'expected a number below 1, got 1'],
    [{ type: 'integer', multipleOf: 2 }, '3', 'expected a whole number that is a multiple of 2, got 3'],
    [{ type: 'string', minLength: 2 }, 'x', 'expected text of at least 2 characters, got text "x"'],
    [{ type: 'string', maxLength: 1 }, 'xy', 'expected text of at most 1 character, got text "xy"'],
    [{ pattern: '^a' }, 'b', 'expected text that matches /^a/, got text "b"'],
    [{ type: 'string', pattern: '^a', 'x-expected': 'a word with a' }, 'b', 'expected a word with a, got text "b"'],
    [{ const: 3 }, '4', 'expected 3, got 4'],
    [{ const: { a: 1 } }, '{a: 2}', 'expected {"a":1}, got a map'],
    [{ enum: ['relu', 'tanh'] }, 'rellu', 'expected relu, tanh, got text "rellu" | did you mean "relu"?'],
    [{ enum: ['relu', 1] }, 'linear', 'expected relu, 1, got text "linear"'],
    [{ not: { const: 3 } }, '3', 'expected anything but 3, got 3'],
    [{ type: 'array', minItems: 2 }, '[1]', 'expected a list of at least 2 items, got a list of 1 item'],
    [{ type: 'array', maxItems: 1 }, '[1, 2]', 'expected a list of at most 1 item, got a list of 2 items'],
    [{ type: 'array', minItems: 2, maxItems: 2 }, '[]', 'expected a list of 2 items, got an empty list'],
    [{ prefixItems: [{}], items: false }, '[1, 2]', 'expected a list of at most 1 item, got a list of 2 items'],
    [{ type: 'object', minProperties: 1 }, '{}', 'expected a map of at least 1 key, got an empty map'],
    [{ type: 'object', maxProperties: 1 }, '{a: 1, b: 1}', 'expected a map of at most 1 key, got a map of 2 keys'],
    [
      { contains: { type: 'string' }, minContains: 2, maxContains: 3 },
      '[a, 1]',
      'expected a list with 2 to 3 items that are text, got a list of 2 items',
    ],
    [
      { contains: { type: 'object', required: ['flatten'] } },
      '[1]',
      'expected a list with at least 1 item that is a map with "flatten", got a list of 1 item',
    ],
  ])('%j and %s', (schema, value, expected) => {
    expect(faults(`v: ${value}`, object({ v: schema }))).toEqual([`1:4 v: ${expected}`]);
  });

  it.each([
    [{ multipleOf: 0.01 }, '0.07', 0],
    [{ multipleOf: 0.1 }, '0.3', 0],
    [{ multipleOf: 0.1 }, '0.35', 1],
  ])('a multiple is one in decimals too: %j and %s', (schema, value, found) => {
    expect(faults(`v: ${value}`, object({ v: schema }))).toHaveLength(found);
  });

  it('does not hide what is wrong beside it', () => {
    const schema = object({ a: { type: 'integer' }, v: { contains: { type: 'integer' }, maxContains: 1 } });
    expect(faults('a: x\nv: [1, 2, x, y]', schema)).toEqual([
      '1:4 a: expected a whole number, got text "x"',
      '2:4 v: expected a list with exactly 1 item that is a whole number, got a list of 4 items',
    ]);
  });

  it('may be referred to by an anchor, and need another as older schemas put it', () => {
    const schema = { properties: { v: { $ref: '#n' } }, $defs: { n: { $anchor: 'n', type: 'integer' } } };
    expect(faults('v: x', schema)).toEqual(['1:4 v: expected a whole number, got text "x"']);
    expect(faults('v: 1', { dependencies: { v: ['w'] } })).toEqual(['1:1 "w" is missing, which "v" needs']);
  });

  it.each(['schema', 'meta/core'])('is never let through by a schema that claims to be %s of JSON Schema', (name) => {
    const schema = { $id: `https://json-schema.org/draft/2020-12/${name}`, required: ['w'] };
    expect(faults('v: 1', schema)).toEqual([
      's.json:1:1 the schema cannot be used: "$id" is that of JSON Schema itself',
    ]);
  });

  it('that is the same as another is reported where it stands', () => {
    expect(faults('v: [a, b, a]', object({ v: { uniqueItems: true } }))).toEqual([
      '1:11 v[2]: it is the same as [0], and no item may stand there twice',
    ]);
  });
});

describe('keys', () => {
  const plain = object({ epochs: {}, batch: {} }, { required: ['epochs'] });

  it('unknown ones are reported where they stand, with a near miss', () => {
    expect(faults('epochs: 1\nbacth: 2\nzzz: 1\n', plain)).toEqual([
      '2:1 unknown key "bacth" | did you mean "batch"?',
      '3:1 unknown key "zzz" | known keys: epochs, batch',
    ]);
  });

  it('missing ones are reported at the map', () => {
    expect(faults('a: {batch: 1}', object({ a: plain }))).toEqual(['1:1 a: "epochs" is missing']);
    expect(faults('a: [{}, {batch: 1}]', object({ a: { items: plain } }))).toEqual([
      '1:5 a[0]: "epochs" is missing',
      '1:9 a[1]: "epochs" is missing',
    ]);
  });

  it('that need or exclude each other', () => {
    const schema = object({ a: {}, b: {}, c: {} }, { dependentRequired: { a: ['b'] }, not: { required: ['a', 'c'] } });
    expect(faults('{a: 1, c: 1}', schema)).toEqual([
      '1:1 "a" and "c" cannot be used together',
      '1:1 "b" is missing, which "a" needs',
    ]);
  });

  it('with names that cannot be', () => {
    const names = { propertyNames: { anyOf: [{ const: 'all' }, { pattern: '^k' }] } };
    expect(faults('ka: 1\nz: 1', names)).toEqual(['2:1 "z" cannot be used: expected all or text that matches /^k/']);
  });

  it('that are names of what every object has are ordinary keys', () => {
    expect(faults('constructor: 1\n__proto__: 2', object({}))).toEqual([
      '1:1 unknown key "constructor"',
      '2:1 unknown key "__proto__"',
    ]);
    expect(faults('{}', { required: ['constructor', '__proto__'] })).toHaveLength(2);
  });

  it('depend on others: if, then and unevaluatedProperties', () => {
    const schema = {
      properties: { kind: { enum: ['a', 'b'] } },
      if: { properties: { kind: { const: 'a' } } },
      then: { required: ['size'], properties: { size: { type: 'integer' } } },
      else: { properties: { rate: false } },
      unevaluatedProperties: false,
    };
    expect(faults('{kind: a, size: x}', schema)).toEqual(['1:17 size: expected a whole number, got text "x"']);
    expect(faults('{kind: a}', schema)).toEqual(['1:1 "size" is missing']);
    expect(faults('{kind: a, size: 1, sise: 1}', schema)).toEqual(['1:20 unknown key "sise" | did you mean "size"?']);
    expect(faults('{kind: b, rate: 1}', schema)).toEqual(['1:17 rate: it cannot be used here']);
  });
});

describe('one of several forms', () => {
  const conv = object({ filters: { type: 'integer', minimum: 1 }, size: {} }, { required: ['filters'] });
  const layer = {
    oneOf: [
      object({ conv }, { required: ['conv'] }),
      object({ dense: object({ units: { type: 'integer' } }) }, { required: ['dense'] }),
      object({ flatten: { const: 0 } }),
      object({ branch: { type: 'array', items: { $ref: '#/$defs/layer' } } }, { required: ['branch'] }),
    ],
  };
  const layers = { items: { $ref: '#/$defs/layer' }, $defs: { layer } };

  it.each<[string, string[]]>([
    ['[{conv: {filters: x}}]', ['1:19 [0].conv.filters: expected a whole number from 1, got text "x"']],
    ['[{conv: {}}]', ['1:3 [0].conv: "filters" is missing']],
    ['[{dense: {unit: 1}}]', ['1:11 [0].dense: unknown key "unit" | did you mean "units"?']],
    ['[{flaten: 0}]', ['1:3 [0]: unknown key "flaten" | did you mean "flatten"?']],
    ['[3]', ['1:2 [0]: expected a map with "conv", a map with "dense", a map, or a map with "branch", got 3']],
    [
      '[{branch: [{flatten: 1}, {branch: [{dense: 3}]}]}]',
      ['1:22 [0].branch[0].flatten: expected 0, got 1', '1:44 [0].branch[1].branch[0].dense: expected a map, got 3'],
    ],
  ])('the one that got furthest tells: %s', (text, expected) => {
    expect(faults(text, layers)).toEqual(expected);
  });

  const optimizer = {
    oneOf: [
      object({ name: { const: 'adam' }, beta: { type: 'number' } }, { required: ['name'] }),
      object({ name: { const: 'sgd' }, momentum: { type: 'number', maximum: 1 } }, { required: ['name'] }),
    ],
  };

  it.each<[string, string]>([
    ['{name: adm}', '1:8 name: expected adam, sgd, got text "adm" | did you mean "adam"?'],
    ['{name: sgd, momentum: 2}', '1:23 momentum: expected a number up to 1, got 2'],
    ['{name: sgd, beta: 1}', '1:13 unknown key "beta" | known keys: name, momentum'],
    ['{}', '1:1 "name" is missing'],
  ])('a value that names the form decides: %s', (text, expected) => {
    expect(faults(text, optimizer)).toEqual([expected]);
  });

  it.each<[string, string]>([
    ['-1', 'expected auto, a number over 0, or a map, got -1'],
    ['atuo', 'expected auto, a number over 0, or a map, got text "atuo" | did you mean "auto"?'],
    ['[]', 'expected auto, a number over 0, or a map, got an empty list'],
  ])('single values are told all that would do: %s', (value, expected) => {
    const rate = { anyOf: [{ const: 'auto' }, { type: 'number', exclusiveMinimum: 0 }, object({})] };
    expect(faults(`lr: ${value}`, object({ lr: rate }))).toEqual([`1:5 lr: ${expected}`]);
  });

  it('any of several keys would do', () => {
    const schema = { anyOf: [{ required: ['a'] }, { required: ['b'] }] };
    expect(faults('c: 1', schema)).toEqual(['1:1 one of "a", "b" is missing']);
  });

  it('two at once are too many', () => {
    const schema = { oneOf: [{ type: 'integer', title: 'a count' }, { type: 'number' }] };
    expect(faults('v: 3', object({ v: schema }))).toEqual([
      '1:4 v: it fits "a count" and form 2 at once, and may fit only one of the two',
    ]);
  });

  it('errors beside them stay', () => {
    const schema = object({
      a: { type: 'integer' },
      b: { anyOf: [{ type: 'array', items: { anyOf: [{ const: 1 }, { const: 2 }] } }, { type: 'string' }] },
      c: { type: 'integer' },
    });
    expect(faults('{a: x, b: [1, 3, 4], c: y}', schema)).toEqual([
      '1:5 a: expected a whole number, got text "x"',
      '1:15 b[1]: expected 1, 2, got 3',
      '1:18 b[2]: expected 1, 2, got 4',
      '1:25 c: expected a whole number, got text "y"',
    ]);
  });

  it('are found through a schema with an $id of its own', () => {
    const schema = { $id: 'https://example.org/s.json', ...layers };
    expect(faults('[{conv: {}}]', schema)).toEqual(['1:3 [0].conv: "filters" is missing']);
  });
});

describe('formats', () => {
  const schema = object({ model: object({ lr: { type: 'number' } }) });

  it('JSON has places, TOML has keys', () => {
    expect(faults('{"model":\n  {"lr": "x"}}', schema, 'p.json')).toEqual([
      '2:10 model.lr: expected a number, got text "x"',
    ]);
    expect(faults('[model]\nlr = "x"\nrl = 1\n', schema, 'p.toml')).toEqual([
      'p.toml: model: unknown key "rl" | known keys: lr',
      'p.toml: model.lr: expected a number, got text "x"',
    ]);
  });

  it('an empty file is an empty map, and a date is text', () => {
    expect(faults('', { type: 'object' })).toEqual([]);
    expect(faults('d = 1979-05-27', object({ d: { type: 'string' } }), 'p.toml')).toEqual([]);
  });

  it('values that cannot be read are faults of their own', () => {
    expect(faults('a: [', {})).toHaveLength(1);
    expect(faults('a = ', {}, 'p.toml')[0]).toMatch(/^1:5 /);
    expect(faults('{a: 1}', {}, 'p.json')[0]).toMatch(/^1:2 /);
  });
});

describe('the schema itself', () => {
  it.each<[string, string | RegExp]>([
    ['{"type": "strng"}', /^s\.json:1:10 type: expected array, .*got text "strng" \| did you mean "string"\?$/],
    ['{"required": "a"}', 's.json:1:14 required: expected a list, got text "a"'],
    ['{"items": {"minimun": 1}}', 's.json:1:12 unknown keyword "minimun" | did you mean "minimum"?'],
    [
      '{"properties": {"minimun": {"minimun": 1}}, "default": {"minimun": 1}}',
      's.json:1:29 unknown keyword "minimun" | did you mean "minimum"?',
    ],
    [
      '{"$ref": "#/$defs/laier", "$defs": {"layer": {}}}',
      's.json:1:10 $ref: "#/$defs/laier" leads nowhere | did you mean "#/$defs/layer"?',
    ],
    ['{"$ref": "other.json"}', /^s\.json:1:10 \$ref: "other\.json" leads nowhere \| other files cannot/],
    ['{"pattern": "("}', 's.json:1:13 this is not a regular expression'],
    ['{"patternProperties": {"(": true}}', 's.json:1:24 this is not a regular expression'],
    [
      '{"$schema": "http://json-schema.org/draft-07/schema#"}',
      /^s\.json:1:13 \$schema: only JSON Schema draft 2020-12/,
    ],
    ['[1]', 's.json:1:1 a JSON Schema is a map; this is a list'],
    ['', 's.json:1:1 a JSON Schema is a map; this is nothing'],
    ['{"type": "object"', /^s\.json:1:18 /],
    ['{"$ref": "#"}', /^s\.json: the schema cannot be applied to p\.yaml: .* \| look for a "\$ref"/],
  ])('%s', (schema, expected) => {
    const found = faults('a: 1', schema);
    expect(found).toHaveLength(1);
    if (typeof expected === 'string') expect(found[0]).toBe(expected);
    else expect(found[0]).toMatch(expected);
  });

  it('may say things that are for people and editors only', () => {
    const schema = { $comment: 'c', title: 't', description: 'd', examples: [1], default: 1, format: 'uri' };
    expect(faults('a: 1', { ...schema, $schema: 'https://json-schema.org/draft/2020-12/schema' })).toEqual([]);
  });
});

it('never throws, and has something to say of whatever does not fit', () => {
  const leaf = fc.constantFrom<object | boolean>(
    { type: 'integer', minimum: 3 },
    { type: 'string', minLength: 2 },
    { const: 'a' },
    { enum: [1, 'b', null] },
    { type: 'array', minItems: 1, uniqueItems: true },
    { required: ['a'] },
    { propertyNames: { pattern: '^a' } },
    true,
    false,
  );
  const { schema } = fc.letrec<{ schema: object | boolean }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      fc.record({
        oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
        unevaluatedProperties: fc.boolean(),
      }),
      fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ properties: fc.dictionary(fc.constantFrom('a', 'b', '~/%'), tie('schema')) }),
      fc.record({ if: tie('schema'), then: tie('schema'), else: tie('schema') }),
      fc.record({ items: tie('schema'), contains: tie('schema') }),
      fc.record({ not: tie('schema') }),
    ),
  }));
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: true });
  fc.assert(
    fc.property(schema, value, (inner, data) => {
      const fits = faults(JSON.stringify({ a: data }), { properties: { a: inner } }, 'p.json').length === 0;
      const rejects = faults(JSON.stringify({ a: data }), { properties: { a: { not: inner } } }, 'p.json').length > 0;
      expect(fits).toBe(rejects);
    }),
    { numRuns: 300 },
  );
}, 60_000);
