import { describe, expect, it } from '@jest/globals';
import { setFrozen } from './edit.ts';

function edited(text: string, group: string, frozen: boolean): string {
  const result = setFrozen(text, 'pipeline.yaml', group, frozen);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const file = `# top comment
stages:
  prepare:   # keep me
    # about the command
    cmd: "python  prepare.py"   # odd   spacing
    deps: [ a.txt,b.txt ]

  train:
    foreach: [a, b]   # items
    do:
      cmd: train \${item}
      outs:
        - m-\${item}
  grid:
    matrix:
      x: [1, 2]
    cmd: run \${item.x}
  flow: {cmd: echo hi, deps: [x]}
# the end`;

describe('setFrozen', () => {
  it.each([
    ['prepare', '  prepare:   # keep me\n', '  prepare:   # keep me\n    frozen: true\n'],
    ['train', '    do:\n', '    do:\n      frozen: true\n'],
    ['grid', '  grid:\n', '  grid:\n    frozen: true\n'],
    ['flow', '{cmd: echo hi', '{frozen: true, cmd: echo hi'],
  ])('freezes %s by adding one entry, and unfreezing gives the file back', (group, before, after) => {
    const frozen = edited(file, group, true);
    expect(frozen).toBe(file.replace(before, after));
    expect(edited(frozen, group, true)).toBe(frozen);
    expect(edited(frozen, group, false)).toBe(file);
    expect(edited(file, group, false)).toBe(file);
  });

  it('keeps Windows line ends', () => {
    const text = 'stages:\r\n  a:\r\n    cmd: x\r\n';
    expect(edited(text, 'a', true)).toBe('stages:\r\n  a:\r\n    frozen: true\r\n    cmd: x\r\n');
    expect(edited(edited(text, 'a', true), 'a', false)).toBe(text);
  });

  it.each([
    [
      'stages:\n  a:\n    cmd: x\n    frozen: true # because\n',
      false,
      'stages:\n  a:\n    cmd: x\n    frozen: false # because\n',
    ],
    ['stages:\n  a:\n    cmd: x\n    frozen: false\n', true, 'stages:\n  a:\n    cmd: x\n    frozen: true\n'],
    ['stages:\n  a:\n    cmd: x\n    frozen: true', false, 'stages:\n  a:\n    cmd: x\n'],
    ['stages: {a: {cmd: x, frozen: true}}', false, 'stages: {a: {cmd: x}}'],
    ['stages: {a: {frozen: true, cmd: x}}', false, 'stages: {a: {cmd: x}}'],
    ['stages: {a: {}}', true, 'stages: {a: {frozen: true}}'],
    ['stages:\n  a: &x # anchor\n    cmd: x\n', true, 'stages:\n  a: &x # anchor\n    frozen: true\n    cmd: x\n'],
    ['stages:\n  ? a\n  : cmd: x\n', true, 'stages:\n  ? a\n  : frozen: true\n    cmd: x\n'],
    [
      'x-d: &d {frozen: true}\nstages:\n  a:\n    <<: *d\n    cmd: x\n',
      false,
      'x-d: &d {frozen: true}\nstages:\n  a:\n    frozen: false\n    <<: *d\n    cmd: x\n',
    ],
  ])('%j, frozen: %p', (text, frozen, expected) => {
    expect(edited(text, 'a', frozen)).toBe(expected);
    expect(edited(expected, 'a', frozen)).toBe(expected);
  });

  it('never freezes a stage that shares an anchor', () => {
    const text = 'stages:\n  a: &a\n    cmd: x\n  b:\n    <<: *a\n    deps: [y]\n  c: *a\n';
    expect(setFrozen(text, 'p.yaml', 'a', true)).toMatchObject({ ok: false, error: { at: { line: 2, column: 3 } } });
    expect(setFrozen(text, 'p.yaml', 'c', true)).toMatchObject({ ok: false });
    expect(edited(text, 'b', true)).toBe(text.replace('  b:\n', '  b:\n    frozen: true\n'));
  });

  it.each([
    ['stages:\n  train: {cmd: x}\n', 'trian', 'there is no stage "trian"', 'did you mean "train"?'],
    ['stages:\n  train: {cmd: x, frozen: "${f}"}\n', 'train', 'not simply true or false', 'by hand'],
    ['stages: [\n', 'train', 'flow sequence', undefined],
    ['', 'train', 'there is no stage', undefined],
    ['stages:\n  train: 3\n', 'train', 'is not a map', undefined],
  ])('%j: a fault for stage %s', (text, group, message, hint) => {
    const result = setFrozen(text, 'pipeline.yaml', group, true);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.error.message).toContain(message);
    expect(result.error.at?.file).toBe('pipeline.yaml');
    if (hint !== undefined) expect(result.error.hint).toContain(hint);
  });
});
