import { describe, expect, it } from '@jest/globals';
import { parsePipeline } from './parse.ts';

type Files = Readonly<Record<string, string>>;

/** Every fault as `line:col message | hint`. */
function faults(text: string, files: Files = {}, file = 'pipeline.yaml'): string[] {
  const parsed = parsePipeline({ file, lockFile: 'pipeline.lock', text, readSource: (path) => files[path] });
  if (parsed.ok) return [];
  return parsed.error.map(({ at, message, hint }) => {
    const where = at === undefined ? '' : `${at.file === file ? '' : `${at.file}:`}${at.line}:${at.column} `;
    return `${where}${message}${hint === undefined ? '' : ` | ${hint}`}`;
  });
}

/** Faults of one stage whose fields start on line 4, at column 5. */
function stageFaults(fields: string, files: Files = {}): string[] {
  return faults(`stages:\n  s:\n    cmd: x\n${fields.replace(/^/gm, '    ')}\n  other: {cmd: y}\n`, files);
}

describe('syntax', () => {
  it.each([
    ['stages: [a', '1:11 flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['stages:\n  a: {cmd: x}\n  a: {cmd: y}\n', '3:3 duplicate key "a" | remove one of the two, or rename it'],
    ['stages:\n  a: {cmd: x, cmd: y}\n', '2:15 duplicate key "cmd" | remove one of the two, or rename it'],
    ['stages: *x\n', '1:9 no anchor &x stands before the alias *x'],
    [
      'a: 1\n---\nb: 1\n',
      '2:1 a second YAML document starts here | keep one document in a file; remove the line "---"',
    ],
    ['stages:\n\ta: {cmd: x}\n', /^2:1 tabs are not allowed as indentation/],
    ['stages: {a: {cmd: x, deps: [${b}]}}', /quote a template/],
    ['stages:\n  a: {cmd: "x}\n', '3:1 missing closing "'],
    [
      'stages:\n<<<<<<< HEAD\n  a: {cmd: x}\n=======\n  a: {cmd: y}\n>>>>>>> b\n',
      /^2:1 an unresolved git merge conflict \| .*$/,
    ],
  ])('%j', (text, expected) => {
    const found = faults(text).join('\n');
    if (typeof expected === 'string') expect(found).toContain(expected);
    else expect(found).toMatch(expected);
  });

  it.each(['\uFEFFstages: 3\n', 'stages: 3\n'])('a byte order mark does not count as a column', (text) => {
    expect(faults(text)).toEqual(['1:9 stages: expected a map, got 3']);
  });
});

describe('schema', () => {
  it.each([
    ['[1]', '1:1 expected a map, got a list'],
    ['stage: {}', '1:1 unknown key "stage" | did you mean "stages"?'],
    ['vars: {a: 1}', '1:7 vars: expected a list, got a map'],
    ['cache: {link: soft}', '1:15 cache.link: expected reflink, copy, hardlink, symlink, got text "soft"'],
    ['schemas: [a]', '1:10 schemas: expected a map, got a list'],
    ['schemas: {a.yaml: 3}', '1:19 schemas.a.yaml: expected the path of a JSON Schema, got 3'],
    [
      'schemas: {a.txt: s.json}',
      '1:11 schemas: "a.txt" is not a parameter file | its name must end in .yaml, .yml, .json or .toml',
    ],
    ['schemas: {a.yaml: s.yaml}', '1:19 schemas: "s.yaml" is not a JSON file | a schema is written in JSON'],
    ['schemas: {a.yaml: "${none}"}', /^1:20 schemas\.a\.yaml: .*none/],
    ['pools: {gpu: -1}', '1:14 pools.gpu: expected a whole number from 0, got -1'],
    ['stages: {s: 3}', '1:13 stage "s": expected a map that describes the stage, got 3'],
    ['stages: {s: {}}', '1:10 stage "s": "cmd" is missing'],
    ['stages: {s: {foreach: [a]}}', '1:10 stage "s": "do" is missing'],
    ['stages: {s: {do: {cmd: x}}}', '1:10 stage "s": "foreach" is missing'],
    ['stages: {s: {foreach: [a], do: {}}}', '1:28 stage "s": "cmd" is missing'],
    [
      'stages: {s: {foreach: [a], do: {cmd: x, matrix: {a: [1]}}}}',
      /^1:49 stage "s": matrix: expected no matrix below "do"/,
    ],
    [
      'stages: {s: {foreach: [a], cmd: x, do: {cmd: x}}}',
      /^1:28 stage "s": unknown key "cmd" \| with "foreach", everything else/,
    ],
    ['stages: {s: {foreach: abc, do: {cmd: x}}}', /^1:23 stage "s": foreach: expected a list, a map, or a template/],
    ['stages: {s: {cmd: x, matrix: {}}}', '1:30 stage "s": matrix: expected lists by name, got an empty map'],
    [
      'stages: {s: {cmd: x, matrix: {a: 1}}}',
      '1:34 stage "s": matrix.a: expected a list, or a template that gives one, got 1',
    ],
  ])('%j', (text, expected) => {
    const found = faults(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      typeof expected === 'string' ? new RegExp(`^${expected.replace(/[^\w ]/g, '\\$&')}$`) : expected,
    );
  });

  it.each([
    ['dep: [a]', '4:5 stage "s": unknown key "dep" | did you mean "deps"?'],
    ['deps: a', '4:11 stage "s": deps: expected a list, got text "a"'],
    ['deps:', '4:10 stage "s": deps: expected a list, got nothing'],
    [
      'deps: [1, [a], ""]',
      [
        '4:12 stage "s": deps[0]: expected a path, got 1',
        '4:15 stage "s": deps[1]: expected a path, got a list',
        '4:20 stage "s": deps[2]: expected a path, got empty text',
      ],
    ],
    ['outs:\n  - m:\n      cahce: false', '6:11 stage "s": outs[0].m: unknown key "cahce" | did you mean "cache"?'],
    ['outs: [{m: {cache: 1}}]', '4:24 stage "s": outs[0].m.cache: expected true or false, got 1'],
    ['plots: [{m: {z: 1}}]', /^4:18 stage "s": plots\[0\]\.m: unknown key "z" \| known keys: cache, /],
    ['plots: [{m: [{xx: a}]}]', /^4:19 stage "s": plots\[0\]\.m\[0\]: unknown key "xx"/],
    [
      'params: [{p.yaml: lr}]',
      '4:23 stage "s": params[0].p.yaml: expected a list of keys, or nothing for the whole file, got text "lr"',
    ],
    ['params: lr', '4:13 stage "s": params: expected a list, got text "lr"'],
    ['frozen: no', '4:13 stage "s": frozen: expected true or false, got text "no"'],
    ['timeout: 5x', '4:14 stage "s": timeout: expected seconds, or text such as "90s", "30m" or "2h", got text "5x"'],
    ['timeout: 0', '4:14 stage "s": timeout: expected seconds, or text such as "90s", "30m" or "2h", got 0'],
    [
      'timeout: 100d',
      '4:14 stage "s": timeout: 8640000 seconds is more than 24 days | leave it out: without it there is no limit',
    ],
    ['retries: 1.5', '4:14 stage "s": retries: expected a whole number from 0, got 1.5'],
    ['resources: {cpu: 0}', '4:22 stage "s": resources.cpu: expected a whole number from 1, got 0'],
    ['resources: {cpu: two}', '4:22 stage "s": resources.cpu: expected a whole number from 1, got text "two"'],
    [
      'resources: {memory: 4X}',
      '4:25 stage "s": resources.memory: expected bytes, or text such as "512M" or "4G", got text "4X"',
    ],
    [
      'env: [A=1]',
      '4:11 stage "s": env: "A=1" is not the name of an environment variable | give the name alone; the value is taken from the environment',
    ],
    ['cmd2: x', /^4:5 stage "s": unknown key "cmd2" \| did you mean "cmd"\?$/],
  ])('stage with %j', (fields, expected) => {
    const found = stageFaults(fields);
    if (expected instanceof RegExp) expect(found).toEqual([expect.stringMatching(expected)]);
    else expect(found).toEqual([expected].flat());
  });

  it.each(['a b', 'a/b', 'a\\tb', 'a@b', '.', '..', '-f', '', 'a\\u0000', 'x'.repeat(101), 'a$b', 'a*'])(
    'stage name %j is refused',
    (name) => {
      expect(faults(`stages: {"${name}": {cmd: x}}`)).toEqual([
        expect.stringMatching(/^1:10 ".*" cannot be used: expected a stage name: letters/s),
      ]);
    },
  );

  it.each(['a', 'größe', '学習', 'a.b-c_d=1+2,3:4%', '7'])('stage name %j is fine', (name) => {
    expect(faults(`stages: {"${name}": {cmd: x}}`)).toEqual([]);
  });
});

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

describe('paths', () => {
  it.each([
    [
      '7. wdir: ../x',
      'wdir: ../x',
      '4:11 stage "s": wdir: "../x" is outside the workspace | a stage runs in a folder of the workspace',
    ],
    [
      '7. wdir: sibling',
      'wdir: /repo-x',
      '4:11 stage "s": wdir: "/repo-x" is outside the workspace | a stage runs in a folder of the workspace',
    ],
    [
      '7. wdir: up and over',
      'wdir: a/../../repo-x',
      '4:11 stage "s": wdir: "a/../../repo-x" is outside the workspace | a stage runs in a folder of the workspace',
    ],
    [
      '8. out outside',
      'outs: [../x]',
      '4:12 stage "s": outs: "../x" is outside the workspace | write a path below the workspace, relative to "wdir"',
    ],
    [
      '8. absolute out',
      'outs: [/tmp/x]',
      '4:12 stage "s": outs: "/tmp/x" is outside the workspace | write a path below the workspace, relative to "wdir"',
    ],
    [
      '8. the workspace as an out',
      'outs: [.]',
      '4:12 stage "s": outs: this is the whole workspace | write a path below the workspace, relative to "wdir"',
    ],
    [
      '9. the pipeline file as an out',
      'outs: [./pipeline.yaml]',
      '4:12 stage "s": outs: the pipeline file cannot be an out | outs are removed before a stage runs; write to another path',
    ],
    [
      '9. the lock as an out',
      'wdir: w\nmetrics: [../pipeline.lock]',
      '5:15 stage "s": metrics: the lock file cannot be an out | outs are removed before a stage runs; write to another path',
    ],
    [
      'an out in the cache',
      'outs: [cache/x]',
      '4:12 stage "s": outs: "cache/x" and the cache folder "cache" overlap | write to another path, or move the cache: "cache: {dir: …}"',
    ],
    ['an out in .git', 'outs: [.git/hooks]', '4:12 stage "s": outs: ".git/hooks" lies in .git | write to another path'],
    [
      'a pattern as an out',
      'outs: ["*.bin"]',
      '4:12 stage "s": outs: "*.bin" is a pattern | name the files, or the folder that they are written into',
    ],
    [
      'an address',
      'deps: [s3://bucket/x]',
      '4:12 stage "s": deps: "s3://bucket/x" is an address, not a path | only local files can be used; fetch it in a stage of its own',
    ],
    [
      '66. a drive letter',
      "deps: ['C:\\x']",
      '4:12 stage "s": deps: a Windows drive path cannot be used; write it relative to the pipeline file',
    ],
    ['a NUL byte', 'deps: ["a\\0b"]', '4:12 stage "s": deps: a path cannot contain a NUL byte'],
    [
      'the workspace as a dep',
      'deps: [.]',
      '4:12 stage "s": deps: the whole workspace cannot be a dep | it holds the outs as well; name the files and folders that are read',
    ],
    [
      'a pattern outside',
      'deps: [../*.csv]',
      '4:12 stage "s": deps: the pattern "../*.csv" leads outside the workspace | name the folder itself',
    ],
    ['5. a dep twice', 'deps: [a, ./a]', '4:15 stage "s": deps: "a" is named twice | remove one of the two'],
    [
      '5. an out twice',
      'outs: [a]\nplots: [b/../a]',
      '5:13 stage "s": plots: "a" is an out of this stage already | remove one of the two',
    ],
    [
      'code outside',
      'code: [../x.ts]',
      '4:12 stage "s": code: "../x.ts" is outside the workspace | write a path below the workspace, relative to "wdir"',
    ],
    [
      'code as a pattern',
      'code: ["*.ts"]',
      '4:12 stage "s": code: "*.ts" is a pattern | name the entry file; what it imports is found',
    ],
    [
      'params from Python',
      'params: [{p.py: [a]}]',
      '4:15 stage "s": params: "p.py" is a Python file; parameters are not read from code | move the values to a .yaml, .json or .toml file, which the Python code can read too',
    ],
    [
      'params from an unknown file',
      'params: [{p.ini: [a]}]',
      '4:15 stage "s": params: "p.ini" is not a parameter file | its name must end in .yaml, .yml, .json or .toml',
    ],
  ])('%s', (_name, fields, expected) => {
    expect(stageFaults(fields)).toEqual([expected]);
  });

  it('a folder that holds the pipeline file cannot be an out', () => {
    expect(faults('stages: {s: {cmd: x, outs: [../conf]}}', {}, 'conf/p.yaml')).toEqual([
      '1:29 stage "s": outs: "conf" holds the pipeline file, so it cannot be an out | outs are removed before a stage runs; write to another path',
    ]);
  });
});

describe('runs, env and resources', () => {
  it.each([
    ['runs: [othr]', '4:12 stage "s": runs: there is no stage "othr" | did you mean "other"?'],
    [
      'runs: [s]',
      '4:12 stage "s": runs: a stage cannot read its own history | every run would make the next one necessary',
    ],
    [
      'runs: [other@1]',
      '4:12 stage "s": runs: there is no stage "other@1" | the history is that of all items: write "other"',
    ],
    ['runs: [other, other]', '4:19 stage "s": runs: "other" is named twice | remove one of the two'],
    ['env: [A, A]', '4:14 stage "s": env: "A" is named twice | remove one of the two'],
    [
      'resources: {gpu: 1}',
      '4:17 stage "s": resources: there is no pool "gpu" | say how much there is: "pools: {gpu: 1}" at the top of the file',
    ],
  ])('%s', (fields, expected) => {
    expect(stageFaults(fields)).toEqual([expected]);
  });

  it.each([
    [
      'gpu: 3',
      [
        '2:31 stage "s": resources: gpu 3 is more than the pool holds (2) | the stage could never start; ask for less, or enlarge the pool',
      ],
    ],
    ['memory: 9G', [expect.stringContaining('memory 9663676416 is more than the pool holds')]],
    ['cpu: 5', [expect.stringContaining('cpu 5 is more than the pool holds (4)')]],
    ['gpus: 1', ['2:26 stage "s": resources: there is no pool "gpus" | did you mean "gpu"?']],
    ['gpu: 2, memory: 8G, cpu: 4', []],
  ])('resources {%s} against pools', (resources, expected) => {
    expect(faults(`pools: {gpu: 2, memory: 8G, cpu: 4}\nstages: {s: {resources: {${resources}}, cmd: x}}`)).toEqual(
      expected,
    );
  });
});

describe('all at once', () => {
  it('syntax, schema, template and meaning, sorted by place', () => {
    const text = `vars: [{lr: 1}]
stages:
  train:
    cmd: run \${l}
    dep: [x]
    deps: [a, a]
    outs: [../x]
  train:
    cmd: again
  eval:
    foreach: [1, 1]
    do: {cmd: 3, frozen: "\${lr}"}
`;
    expect(faults(text, { 'params.yaml': 'lr: 2' }).map((fault) => fault.split(' | ')[0])).toEqual([
      '1:9 "lr" is set in vars[0], but params.yaml sets it already',
      '4:14 stage "train": cmd: there is no variable "l" (in "${l}")',
      '5:5 stage "train": unknown key "dep"',
      '6:15 stage "train": deps: "a" is named twice',
      '7:12 stage "train": outs: "../x" is outside the workspace',
      '8:3 duplicate key "train"',
      '11:18 stage "eval": two items give the stage name "eval@1"',
      '12:15 stage "eval": cmd: expected a command, or a list of commands, got 3',
      '12:26 stage "eval@1": frozen: expected true or false, got 2',
    ]);
  });

  it('an endless list of faults ends', () => {
    const found = faults(`stages:\n${Array.from({ length: 2000 }, (_, i) => `  s${i}: {cmd: x, nope: 1}\n`).join('')}`);
    expect(found).toHaveLength(501);
    expect(found.at(-1)).toMatch(/^1500 more faults in pipeline\.yaml/);
  });
});
