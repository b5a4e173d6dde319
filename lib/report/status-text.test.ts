import { describe, expect, it } from '@jest/globals';
import type { Reason } from '../core/reason.ts';
import { renderStatus } from './status-text.ts';
import type { StageState, StageStatus } from './status-text.ts';

function stage(name: string, state: StageState, ...reasons: Reason[]): StageStatus {
  return { name, state, reasons };
}

function render(stages: readonly StageStatus[], verbose = false): string[] {
  return renderStatus({ stages }, { verbose, colour: false }).split('\n');
}

const upstream = (name: string): Reason => ({ kind: 'upstream', stage: name });

describe('renderStatus', () => {
  it('needs one line where all is well', () => {
    expect(render([stage('a', 'fresh'), stage('b', 'fresh')])).toEqual(['up to date: 2 stages unchanged']);
    expect(render([stage('a', 'fresh'), stage('b', 'frozen', { kind: 'frozen' })])).toEqual([
      'up to date: 1 stage unchanged, 1 frozen',
    ]);
    expect(render([stage('b', 'frozen')])).toEqual(['up to date: 1 frozen']);
    expect(render([])).toEqual(['no stages']);
  });

  it('groups by what would happen, with the reasons below each stage', () => {
    const lines = render([
      stage('download', 'fresh'),
      stage('prepare', 'stale', { kind: 'param', key: 'params.yaml:size', from: '32', to: '64' }),
      stage('train', 'unknown', upstream('prepare')),
      stage('evaluate', 'restorable', { kind: 'out-missing', path: 'e.json' }, { kind: 'out-edited', path: 'f.json' }),
      stage('labels', 'frozen', { kind: 'frozen' }),
    ]);
    expect(lines).toEqual([
      'would execute:',
      '  ▸ prepare',
      '      changed param: params.yaml:size 32 → 64',
      '',
      'would be restored from the cache:',
      '  ↺ evaluate',
      '      out missing: e.json',
      '      out edited: f.json',
      '',
      'not known until the stages above have run:',
      '  ? train',
      '      unknown until prepare runs',
      '',
      'frozen, left as they are:',
      '  * labels',
      '',
      '5 stages: 1 to execute, 1 to restore, 1 unknown, 1 frozen, 1 fresh',
    ]);
  });

  const many = Array.from({ length: 20 }, (_, index): Reason => ({ kind: 'out-missing', path: `o${index}` }));

  it('shows the first eight reasons, all of them when it is verbose', () => {
    const lines = render([stage('a', 'stale', ...many)]);
    expect(lines.slice(9, 11)).toEqual(['      out missing: o7', '      … and 12 more (-v shows all)']);
    expect(render([stage('a', 'stale', ...many)], true)).toContain('      out missing: o19');
  });

  it('does not put a single reason behind "1 more"', () => {
    expect(render([stage('a', 'stale', ...many.slice(0, 9))])).toContain('      out missing: o8');
  });

  it('tells what many stages of a group have in common once', () => {
    const stages = Array.from({ length: 100 }, (_, index) => stage(`train@m${index}`, 'unknown', upstream('prepare')));
    expect(render(stages).slice(1, 4)).toEqual([
      '  ? train@… ×100  m0, m1, m2, m3, m4, … and 95 more',
      '      unknown until prepare runs',
      '',
    ]);
    expect(render(stages, true)).toContain('  ? train@m99');
  });

  it('keeps stages of a group apart that have different reasons, and few that have the same', () => {
    const stages = many.map((reason, index) => stage(`train@m${index}`, 'stale', reason));
    expect(render(stages)).toContain('  ▸ train@m19');
    expect(render(stages.slice(0, 3).map(({ name }) => stage(name, 'stale', { kind: 'forced' })))).toContain(
      '  ▸ train@m2',
    );
  });

  it('names the stages that others wait for on one line', () => {
    const lines = render([
      stage('report', 'unknown', ...Array.from({ length: 9 }, (_, index) => upstream(`t${index}`))),
    ]);
    expect(lines[2]).toBe('      unknown until t0, t1, t2, t3, … and 5 more have run');
  });

  it('shortens long values, unless it is verbose', () => {
    const from = `python train.py ${'--x '.repeat(60)}`;
    const reason: Reason = { kind: 'cmd', key: '0', from, to: from.replace('--x', '--y') };
    expect(render([stage('a', 'stale', reason)])[2]!.length).toBeLessThan(120);
    expect(render([stage('a', 'stale', reason)], true)[2]).toContain(from.trim());
  });

  it('adds the hint about a missing dep', () => {
    const reason: Reason = { kind: 'dep-missing', path: 'data/raw', hint: 'did you mean data/row?' };
    expect(render([stage('a', 'stale', reason)])[2]).toBe('      dep missing: data/raw (hint: did you mean data/row?)');
  });

  it('tells stages that lack an input apart from those that would be executed', () => {
    const reason: Reason = { kind: 'param-missing', key: 'params.yaml:lr', message: 'params.yaml has no such key' };
    const lines = render([stage('a', 'stale', { kind: 'never-run' }), stage('b', 'stale', reason)]);
    expect(lines.slice(0, 2)).toEqual(['cannot run:', '  ✗ b']);
    expect(lines).toContain('would execute:');
    expect(lines.at(-1)).toBe('2 stages: 1 cannot run, 1 to execute');
  });

  it('lists fresh stages too when it is verbose', () => {
    expect(render([stage('a', 'fresh')], true)).toEqual(['fresh:', '  ✓ a', '', 'up to date: 1 stage unchanged']);
  });

  it('shows no control sequences of others', () => {
    const reason: Reason = { kind: 'out-missing', path: 'x\u001b[2J' };
    expect(
      renderStatus({ stages: [stage('a\u001b[31m', 'stale', reason)] }, { verbose: false, colour: false }),
    ).not.toContain('\u001b');
  });
});
