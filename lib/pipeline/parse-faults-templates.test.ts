import { describe, expect, it } from '@jest/globals';
import { faults, stageFaults } from './parse-rig.ts';

describe('64. templates', () => {
  const files = { 'params.yaml': 'model: {lr: 0.1, layers: [1, 2]}\nyes_no: "no"\n' };

  it.each([
    [
      'deps: ["${modle.lr}"]',
      '4:13 stage "s": deps: there is no variable "modle" (in "${modle.lr}") | did you mean "model"?',
    ],
    [
      'deps:\n  - a/${model.lrr}',
      '5:11 stage "s": deps: "model" has no "lrr" (in "${model.lrr}") | did you mean "model.lr"?',
    ],
    ['deps: ["${model.layers[7]}"]', '4:13 stage "s": deps: "model.layers" has no "7" (in "${model.layers[7]}")'],
    [
      'deps: ["${zzz}"]',
      '4:13 stage "s": deps: there is no variable "zzz" (in "${zzz}") | set it in params.yaml, or below "vars"',
    ],
    [
      'deps: ["${DATA_DIR}"]',
      '4:13 stage "s": deps: there is no variable "DATA_DIR" (in "${DATA_DIR}") | for the shell variable write \\${DATA_DIR} or $DATA_DIR',
    ],
    [
      'deps: ["${item.x}"]',
      '4:13 stage "s": deps: there is no variable "item" (in "${item.x}") | "item" exists in the stages of a foreach or matrix only',
    ],
    [
      'deps: ["a${}"]',
      '4:14 stage "s": deps: "${}" is not a variable | a variable is written ${name}, ${name.key} or ${name[0]}; for a literal "${" write \\${',
    ],
    [
      'deps: ["${model}"]',
      '4:13 stage "s": deps: "${model}" is a map | lists and maps can be put into "cmd", "foreach" and "matrix" only; name one value in it',
    ],
    [
      'deps: ["x-${model.layers}"]',
      '4:15 stage "s": deps: "${model.layers}" is a list | lists and maps can be put into "cmd", "foreach" and "matrix" only; name one value in it',
    ],
    [
      'outs:\n  - a-${nope}.bin: {cache: false}',
      '5:11 stage "s": outs: there is no variable "nope" (in "${nope}") | set it in params.yaml, or below "vars"',
    ],
    ['frozen: ${yes_no}', '4:13 stage "s": frozen: expected true or false, got text "no"'],
    [
      'timeout: ${yes_no}',
      '4:14 stage "s": timeout: expected seconds, or text such as "90s", "30m" or "2h", got text "no"',
    ],
    ['retries: ${model.lr}', '4:14 stage "s": retries: expected a whole number from 0 to 1000000, got 0.1'],
    ['resources: {cpu: "${model.lr}"}', '4:22 stage "s": resources.cpu: expected a whole number from 1, got 0.1'],
    [
      'wdir: ${nope}',
      '4:11 stage "s": wdir: there is no variable "nope" (in "${nope}") | set it in params.yaml, or below "vars"',
    ],
  ])('%j', (fields, expected) => {
    expect(stageFaults(fields, files)).toEqual([expected]);
  });

  it.each(['cmd: "${none}"', 'cmd: x\n    deps: ["${none}"]', 'cmd: x\n    outs: [{"${none}": {cache: false}}]'])(
    'null as the whole of a text is a fault: %j',
    (fields) => {
      const found = faults(`stages:\n  s:\n    ${fields}\n`, { 'params.yaml': 'none: null' });
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/expected text, got nothing/);
    },
  );

  it('each expression of a text has its own place, also over several lines', () => {
    const text = 'stages:\n  s:\n    cmd: >\n      run ${a}\n      and ${b} ${a}\n';
    expect(faults(text).map((fault) => fault.split(' ', 1)[0])).toEqual(['4:11', '5:11', '5:16']);
  });

  it('a fault in every stage of a group is told once', () => {
    const text = 'stages:\n  s:\n    foreach: [a, b, c]\n    do:\n      cmd: run ${item} ${nope}\n';
    expect(faults(text)).toEqual([
      '5:24 stage "s@a": cmd: there is no variable "nope" (in "${nope}") | set it in params.yaml, or below "vars"',
    ]);
  });

  it.each([
    [
      'foreach: "${nope}", do: {cmd: x}',
      '1:24 stage "s": foreach: there is no variable "nope" (in "${nope}") | set it in params.yaml, or below "vars"',
    ],
    ['foreach: "${model.lr}", do: {cmd: x}', '1:23 stage "s": foreach: expected a list or a map, got 0.1'],
    ['matrix: {a: "${model}"}, cmd: x', '1:26 stage "s": matrix.a: expected a list, got a map'],
    [
      'foreach: [a, b, a], do: {cmd: x}',
      '1:30 stage "s": two items give the stage name "s@a" | name the items yourself: write foreach as a map of name to item',
    ],
    [
      'foreach: [""], do: {cmd: x}',
      '1:24 stage "s": an item without a name | name the items yourself: write foreach as a map of name to item',
    ],
    [
      'matrix: {a: [x-y, x], b: [z, y-z]}, cmd: x',
      '1:22 stage "s": two items give the stage name "s@x-y-z" | name the items yourself: write foreach as a map of name to item',
    ],
    [`foreach: [${'é'.repeat(150)}], do: {cmd: x}`, /^1:24 stage "s": the stage name "s@é+…" is too long/],
    [
      `matrix: {${'abcdef'
        .split('')
        .map((d) => `${d}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]`)
        .join(', ')}}, cmd: x`,
      /^1:22 more than 100000 stages/,
    ],
  ])('stages: {s: {%s}}', (definition, expected) => {
    const found = faults(`stages: {s: {${definition}}}`, files);
    if (typeof expected === 'string') expect(found).toEqual([expected]);
    else expect(found).toEqual([expect.stringMatching(expected)]);
  });

  it('text that grows beyond measure is refused', () => {
    const files = { 'params.yaml': `big: ${'x'.repeat(1_000_000)}` };
    const text = `stages:\n  s:\n    cmd: ${'"' + '-${big}'.repeat(1000) + '"'}\n`;
    expect(faults(text, files)).toEqual(['3:10 cmd: the templates of this file give too much text']);
  });
});

describe('vars', () => {
  const files = {
    'params.yaml': 'lr: 1\nmodel: {a: 1}',
    'p.json': '{"x": 1, "model": {"b": 2}}',
    'list.yaml': '[1]',
    'bad.yaml': 'a: [',
    'p.py': 'a = 1',
  };

  it.each([
    [
      '[{lr: 2}]',
      [
        '1:9 "lr" is set in vars[0], but params.yaml sets it already | a variable can be set once; rename one of the two',
      ],
    ],
    [
      '[{model: {a: 1}}]',
      [
        '1:17 "model.a" is set in vars[0], but params.yaml sets it already | a variable can be set once; rename one of the two',
      ],
    ],
    [
      '[{model: 3}]',
      [
        '1:9 "model" is set in vars[0], but params.yaml sets it already | a variable can be set once; rename one of the two',
      ],
    ],
    [
      '[p.json, {x: 2}]',
      ['1:17 "x" is set in vars[1], but p.json sets it already | a variable can be set once; rename one of the two'],
    ],
    [
      '[{x: 2}, p.json]',
      ['1:16 "x" is set in p.json, but vars[0] sets it already | a variable can be set once; rename one of the two'],
    ],
    ['["p.json:modle"]', ['1:8 "p.json" has no key "modle" | did you mean "model"?']],
    ['["p.json:x", "p.json:model"]', []],
    ['["p.json:x", "p.json:x"]', ['1:20 "p.json" is loaded already, in part | remove this entry, or join the two']],
    ['["p.json:x", p.json]', ['1:20 "p.json" is loaded already, in part | remove this entry, or join the two']],
    ['[p.json, "p.json:x"]', ['1:16 "p.json" is loaded already, all of it | remove this entry, or join the two']],
    ['["params.yaml:lr"]', ['1:8 "params.yaml" is loaded already, all of it | remove this entry, or join the two']],
    ['[params.yaml, p.json, ./p.json]', []],
    [
      '[none.yaml]',
      [
        '1:8 the variables file "none.yaml" does not exist | a path in "vars" is relative to the folder of the pipeline file, or to the wdir of the stage',
      ],
    ],
    [
      '[p.py]',
      [
        '1:8 "p.py" is a Python file; parameters are not read from code | move the values to a .yaml, .json or .toml file, which the Python code can read too',
      ],
    ],
    ['[list.yaml]', ['list.yaml:1:1 a file of variables must hold a map']],
    ['[bad.yaml]', [expect.stringMatching(/^bad\.yaml:1:5 flow sequence/)]],
    ['[{a: "${lr}"}]', ['1:12 vars[0]: variables cannot be made of other variables | write the value itself']],
    ['[3]', ['1:8 vars[0]: expected a map of variables, or the name of a file, got 3']],
  ])('%s', (vars, expected) => {
    expect(faults(`vars: ${vars}\nstages: {s: {cmd: x}}`, files)).toEqual(expected);
  });

  it('of a stage cannot change those of the pipeline', () => {
    const text = 'vars: [{a: 1}]\nstages:\n  s: {cmd: x, vars: [{a: 2, lr: 3}]}\n';
    expect(faults(text, files)).toEqual([
      '3:23 "a" is set in s.vars[0], but vars[0] sets it already | a variable can be set once; rename one of the two',
      '3:29 "lr" is set in s.vars[0], but params.yaml sets it already | a variable can be set once; rename one of the two',
    ]);
  });

  it('a broken params.yaml is a fault with its own place once a variable is used', () => {
    expect(faults('stages: {s: {cmd: "${a}"}}', { 'params.yaml': 'a: 1\na: 2\n' })).toEqual([
      expect.stringMatching(/^1:20 stage "s": cmd: there is no variable "a"/),
      'params.yaml:2:1 duplicate key "a" | remove one of the two, or rename it',
    ]);
  });
});
