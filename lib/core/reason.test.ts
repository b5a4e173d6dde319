import { describe, expect, it } from '@jest/globals';
import { describeReason, describeReasonFully } from './reason.ts';
import type { ChangedPart, Reason } from './reason.ts';

function change(kind: ChangedPart, from: string | null, to: string | null, key = 'k'): Reason {
  return { kind, key, from, to };
}

describe('describeReason', () => {
  it.each<[Reason, string]>([
    [change('param', '0.1', '0.2', 'params.yaml:lr'), 'changed param: params.yaml:lr 0.1 → 0.2'],
    [
      change('param', '{"lr":0.1,"n":1}', '{"lr":0.2,"n":1}', 'p.yaml:train'),
      'changed param: p.yaml:train.lr 0.1 → 0.2',
    ],
    [change('param', '{"lr":0.1}', '{"lr":0.1,"n":1}', 'p.yaml:'), 'added param: p.yaml:n = 1'],
    [change('param', '{"lr":1}', '{"n":1}', 'p.yaml:t'), 'changed param: p.yaml:t {"lr":1} → {"n":1}'],
    [change('param', null, '0.2', 'params.yaml:lr'), 'added param: params.yaml:lr = 0.2'],
    [change('param', '0.1', null, 'params.yaml:lr'), 'removed param: params.yaml:lr (was 0.1)'],
    [change('param', '""', 'false', 'p'), 'changed param: p "" → false'],
    [change('package', '1.0.0', '1.1.0', 'sharp'), 'changed package: sharp 1.0.0 → 1.1.0'],
    [change('cmd', 'a', 'b', '0'), 'changed command: a → b'],
    [change('cmd', null, 'b', '1'), 'changed command: b added'],
    [change('cmd', 'a', null, '1'), 'changed command: a removed'],
    [change('cmd', 'a\n  b', 'a\n  c', '0'), 'changed command: a ⏎ b → a ⏎ c'],
    [change('stage', 'a', 'b', 'name'), 'changed stage name: a → b'],
    [change('wdir', 'x', 'y', 'path'), 'changed working folder: x → y'],
    [change('dep', 'digest1', 'digest2', 'data'), 'changed dep: data'],
    [change('dep', null, 'digest2', 'data'), 'added dep: data'],
    [change('code', 'digest1', null, 'a.ts'), 'removed code: a.ts'],
    [change('env', 'digest1', 'digest2', 'TOKEN'), 'changed env: TOKEN'],
    [change('host', 'AMD', 'Intel', 'cpu'), 'changed host: cpu AMD → Intel'],
    [change('history', 'digest1', 'digest2', 'evaluate'), 'changed history: evaluate'],
    [change('out', null, '', 'model'), 'added out: model'],
    [{ kind: 'out-missing', path: 'm' }, 'out missing: m'],
    [{ kind: 'out-edited', path: 'm' }, 'out edited: m'],
    [{ kind: 'never-run' }, 'never run here'],
    [{ kind: 'objects-missing' }, 'recorded, but its contents are not in the cache'],
    [{ kind: 'forced' }, 'forced'],
    [{ kind: 'always-changed' }, 'always changed'],
    [{ kind: 'frozen' }, 'frozen'],
    [{ kind: 'upstream', stage: 'train' }, 'unknown until train runs'],
    [{ kind: 'dep-missing', path: 'd' }, 'dep missing: d'],
    [{ kind: 'dep-unreadable', path: 'd', message: 'no permission' }, 'dep unreadable: d (no permission)'],
    [{ kind: 'param-missing', key: 'lr', message: 'no such key' }, 'param missing: lr (no such key)'],
    [{ kind: 'code-error', path: 'a.ts', message: 'a.ts:3:1: bad' }, 'code: a.ts:3:1: bad'],
    [{ kind: 'code-error', path: 'a.ts', message: 'b.ts:3:1: bad' }, 'code: a.ts: b.ts:3:1: bad'],
    [{ kind: 'code-error', path: 'a.ts', message: '3:1 bad' }, 'code: a.ts: 3:1 bad'],
  ])('%j', (reason, text) => {
    expect(describeReason(reason)).toBe(text);
  });

  const before = `python train.py ${'--flag '.repeat(40)}--lr 0.1 ${'--more '.repeat(40)}`;
  const after = before.replace('0.1', '0.25');

  it('shortens long values around their difference', () => {
    const text = describeReason(change('cmd', before, after, '0'));
    expect(text).toBe(
      'changed command: …-flag --flag --lr 0.1 --more --more --mor… → …-flag --flag --lr 0.25 --more --more --mor…',
    );
  });

  it('keeps a value whole that differs from end to end only as far as the limit', () => {
    const text = describeReason(change('param', 'a'.repeat(500), 'b'.repeat(500)));
    expect(text).toBe(`changed param: k ${'a'.repeat(80)}… → ${'b'.repeat(80)}…`);
  });

  it('tells everything where that is asked for', () => {
    expect(describeReasonFully(change('cmd', before, after, '0'))).toBe(`changed command: ${before} → ${after}`);
  });

  it('never cuts a character in two', () => {
    const text = describeReason(change('param', '😀'.repeat(100), `${'😀'.repeat(60)}x${'😀'.repeat(60)}`));
    expect(/\p{Cs}/u.test(text)).toBe(false);
  });
});
