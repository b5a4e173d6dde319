import { describe, expect, it } from '@jest/globals';
import { faults, stageFaults } from './parse-rig.ts';

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
