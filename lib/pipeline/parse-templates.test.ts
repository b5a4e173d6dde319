import { describe, expect, it } from '@jest/globals';
import { commands, names, pipelineOf, stageOf } from './parse-rig.ts';

describe('templates', () => {
  const params = {
    'params.yaml':
      'lr: 0.1\nn: 3\none: 1.0\non: true\noff: false\nnone: null\nname: net\nlist: [a, b]\nm: {x: {y: deep}, l: [5, {z: 6}]}\n',
  };
  const cmd = (text: string): string => stageOf(`stages: {s: {cmd: ${JSON.stringify(text)}}}`, params).cmd[0]!;

  it.each([
    ['a ${lr} b', 'a 0.1 b'],
    ['${n}', '3'],
    ['${one}', '1.0'],
    ['${on}/${off}', 'true/false'],
    ['[${none}]', '[None]'],
    ['${m.x.y} ${m.l[0]} ${m.l.1.z} ${m.l[1][z]}', 'deep 5 6 6'],
    ['\\${lr} ${lr}', '${lr} 0.1'],
    ['\\${HOME}', '${HOME}'],
    ['$HOME $(x) ${', '$HOME $(x) ${'],
    ['${m.x}', '--y deep'],
    ['go ${list} now', 'go a b now'],
  ])('cmd %j is %j', (text, expected) => {
    expect(cmd(text)).toBe(expected);
  });

  it('keep the type of a whole value where something other than text is wanted', () => {
    const stage = stageOf(
      'stages: {s: {cmd: x, frozen: "${on}", timeout: "${n}", retries: "${n}", resources: {cpu: "${n}", memory: "${n}G"}, outs: [{o: {cache: "${off}"}}]}}',
      params,
    );
    expect(stage).toMatchObject({
      frozen: true,
      timeout: 3,
      retries: 3,
      resources: { cpu: 3, memory: 3 * 2 ** 30 },
      outs: [{ cache: false }],
    });
  });

  it('work in every path, in keys, and in names', () => {
    const text = 'stages: {"${name}": {cmd: x}}';
    expect(() => pipelineOf(text, params)).toThrow(/cannot be used/);
    const stage = stageOf(
      'stages: {s: {cmd: x, wdir: "${name}", deps: ["${n}.txt"], outs: [{"${name}.bin": {persist: true}}], code: ["${name}.ts"], env: ["${name}"], desc: "${lr}"}}',
      params,
    );
    expect(stage).toMatchObject({
      wdir: 'net',
      deps: [{ path: 'net/3.txt' }],
      outs: [{ path: 'net/net.bin', persist: true }],
      code: [{ path: 'net/net.ts' }],
      env: ['net'],
      desc: '0.1',
    });
  });
});

describe('vars', () => {
  const files = {
    'params.yaml': 'lr: 1\nmodel: {a: 1}',
    'more.json': '{"x": 2.0, "model": {"b": 2}}',
    'some.toml': 'p = 1\nq = 2',
    'w/own.yaml': 'own: w',
  };

  it('come from params.yaml, maps and files; maps are merged', () => {
    const text =
      'vars: [{inline: 3, model: {c: {d: 3}}}, more.json, "some.toml:q"]\nstages: {s: {cmd: "${lr} ${x} ${q} ${inline} ${model}"}}';
    expect(stageOf(text, files).cmd).toEqual(['1 2.0 2 3 --a 1 --c.d 3 --b 2']);
    expect(pipelineOf(text, files).sources).toEqual(['pipeline.yaml', 'params.yaml', 'more.json', 'some.toml']);
  });

  it('of a stage are its own, with files relative to its wdir', () => {
    const text =
      'stages:\n  s:\n    vars: [{y: 1}, own.yaml]\n    wdir: w\n    cmd: ${y} ${own} ${lr}\n  t: {cmd: "${lr}"}\n';
    expect(commands(text, files)).toEqual(['1 w 1', '1']);
    expect(pipelineOf(text, files).sources).toEqual(['pipeline.yaml', 'params.yaml', 'w/own.yaml']);
    expect(() => pipelineOf(`${text}  u: {cmd: "\${y}"}\n`, files)).toThrow(/no variable "y"/);
  });

  it.each([
    ['stages: {s: {cmd: x}}', ['pipeline.yaml']],
    ['stages: {s: {cmd: "\\\\${lr}", params: [lr]}}', ['pipeline.yaml']],
    ['vars: [{v: 1}]\nstages: {s: {cmd: "${v}"}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {foreach: [a], do: {cmd: "${item}"}}}', ['pipeline.yaml']],
    ['stages: {s: {cmd: "${lr}"}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {foreach: "${model}", do: {cmd: "${item}"}}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {matrix: {a: ["${lr}"]}, cmd: x}}', ['pipeline.yaml', 'params.yaml']],
    ['vars: [params.yaml]\nstages: {s: {cmd: x}}', ['pipeline.yaml', 'params.yaml']],
    ['vars: [more.json]\nstages: {s: {cmd: x}}', ['pipeline.yaml', 'params.yaml', 'more.json']],
  ])('sources of %j are %j', (text, sources) => {
    expect(pipelineOf(text, files).sources).toEqual(sources);
  });

  it('depend on params.yaml also where it is not there: it may add to a map, or set what is set already', () => {
    const text = 'vars: [{v: {a: 1}}]\nstages: {s: {foreach: "${v}", do: {cmd: x}}}';
    expect(pipelineOf(text).sources).toEqual(['pipeline.yaml', 'params.yaml']);
    expect(names(text, { 'params.yaml': 'v: {b: 2}' })).toHaveLength(2);
  });

  it('a broken params.yaml does not matter where no variable is used', () => {
    expect(commands('stages: {s: {cmd: x, params: [lr]}}', { 'params.yaml': '[' })).toEqual(['x']);
  });
});

describe('foreach', () => {
  it.each<[string, string[]]>([
    ['[a, b]', ['s@a', 's@b']],
    ['[1, 1.0, true, null]', ['s@1', 's@1.0', 's@true', 's@None']],
    ['[{x: 1}, {x: 2}]', ['s@0', 's@1']],
    ['[a, [b]]', ['s@0', 's@1']],
    ['{us: {e: 1}, uk: {e: 2}}', ['s@us', 's@uk']],
    ['${models}', ['s@m1', 's@m2']],
    ['[a, "${one}"]', ['s@a', 's@1']],
    ['[]', []],
    [
      '["a/b", "a b", "a%2Fb", "ü-日", "a@b", "💥"]',
      ['s@a%2Fb', 's@a%20b', 's@a%252Fb', 's@ü-日', 's@a@b', 's@%F0%9F%92%A5'],
    ],
  ])('over %s gives %j', (data, expected) => {
    const quoted = data.startsWith('$') ? `"${data}"` : data;
    const files = { 'params.yaml': 'models: {m1: {}, m2: {}}\none: 1' };
    const text = `stages: {s: {foreach: ${quoted}, do: {cmd: x}}}`;
    expect(names(text, files)).toEqual(expected);
    expect(pipelineOf(text, files).stages.every((stage) => stage.group === 's')).toBe(true);
  });

  it('gives ${item} and, over a map, ${key}', () => {
    expect(
      commands('stages: {s: {foreach: {us: {e: 3}, uk: {e: 4}}, do: {cmd: "t ${key} ${item.e} ${item}"}}}'),
    ).toEqual(['t us 3 --e 3', 't uk 4 --e 4']);
    expect(commands('stages: {s: {foreach: [[1, 2], [3, 4]], do: {cmd: "${item[1]} ${item.0}"}}}')).toEqual([
      '2 1',
      '4 3',
    ]);
  });

  it('item covers a variable of that name', () => {
    expect(commands('vars: [{item: {x: 1}}]\nstages: {s: {foreach: [a], do: {cmd: "${item}"}}}')).toEqual(['a']);
  });
});

describe('matrix', () => {
  it('gives every combination, the last dimension fastest, with item and key', () => {
    const text = `stages:
  s:
    matrix:
      os: [linux, mac]
      py: "\${versions}"
      cfg: [{a: 1}, {a: 2}]
    cmd: \${key} \${item.os} \${item.py} \${item.cfg.a}
`;
    const pipeline = pipelineOf(text, { 'params.yaml': 'versions: [3.9, "3.10"]' });
    expect(pipeline.stages.map((stage) => stage.name).slice(0, 5)).toEqual([
      's@linux-3.9-cfg0',
      's@linux-3.9-cfg1',
      's@linux-3.10-cfg0',
      's@linux-3.10-cfg1',
      's@mac-3.9-cfg0',
    ]);
    expect(pipeline.stages).toHaveLength(8);
    expect(pipeline.stages[3]!.cmd).toEqual(['linux-3.10-cfg1 linux 3.10 2']);
    expect(pipeline.stages[3]!.at).toEqual([2, 3]);
  });

  it('an empty dimension gives no stages, and others may still name the group', () => {
    expect(names('stages: {s: {matrix: {a: [1], b: []}, cmd: x}, t: {cmd: y, runs: [s]}}')).toEqual(['t']);
  });
});
