import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RunEvent } from '../core/event.ts';
import { PlainReporter } from './plain.ts';
import type { PlainOptions } from './plain.ts';
import { MemoryOutput, samples, stageExecuted, stageStarted } from './testing/events.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function make(options: Partial<PlainOptions> = {}): { out: MemoryOutput; reporter: PlainReporter } {
  const out = new MemoryOutput();
  const all = { out, verbose: false, quiet: false, colour: false, heartbeat: 60, now: () => Date.now(), ...options };
  return { out, reporter: new PlainReporter(all) };
}

function linesOf(options: Partial<PlainOptions>, ...events: RunEvent[]): string[] {
  const { out, reporter } = make(options);
  for (const event of events) reporter.report(event);
  reporter.close();
  return out.lines();
}

describe('PlainReporter', () => {
  it('tells every kind of event', () => {
    expect(linesOf({}, ...Object.values(samples))).toEqual([
      'train@a: started (changed param: params.yaml:lr 0.1 → 0.2)',
      '[ 2/12] evaluate: restored (saved 4m 10s)',
      '[ 3/12] train@a: executed in 3m 02s (peak 1.2 GiB)',
      '[ 4/12] train@b: failed after 3.2s: exit code 1',
      '  | Traceback',
      '  | ModuleNotFoundError',
      '  full log: dagrun logs train@b  (cache/logs/train@b/1.log)',
      '  hint: install numpy',
      'publish: would execute (never run here)',
      'warning: a cache entry is damaged',
      '  hint: dagrun cache verify --repair',
      'pushed 2 runs, 7 objects (4.0 KiB) to origin',
      'interrupted by SIGINT: stopping',
      '1 stage blocked by train@b: report',
      'interrupted after 3m 10s: 1 failed, 1 blocked, 1 skipped, 1 restored (saved 4m 10s), 1 executed',
    ]);
  });

  it('tells more when it is verbose', () => {
    expect(linesOf({ verbose: true }, ...Object.values(samples))).toEqual([
      'train@a: started (changed param: params.yaml:lr 0.1 → 0.2): node train.js',
      'train@a | loss 0.3',
      '[ 1/12] prepare: skipped (unchanged)',
      '[ 2/12] evaluate: restored (saved 4m 10s): out missing: artifacts/e.json',
      '[ 3/12] train@a: executed in 3m 02s (peak 1.2 GiB)',
      '[ 4/12] train@b: failed after 3.2s: exit code 1',
      '  | Traceback',
      '  | ModuleNotFoundError',
      '  full log: dagrun logs train@b  (cache/logs/train@b/1.log)',
      '  hint: install numpy',
      '[ 5/12] report: blocked by train@b',
      'publish: would execute (never run here)',
      'warning: a cache entry is damaged',
      '  hint: dagrun cache verify --repair',
      'pushed 2 runs, 7 objects (4.0 KiB) to origin',
      'interrupted by SIGINT: stopping',
      '1 stage blocked by train@b: report',
      'interrupted after 3m 10s: 1 failed, 1 blocked, 1 skipped, 1 restored (saved 4m 10s), 1 executed',
    ]);
  });

  it('prints failures and warnings and nothing else when it is quiet', () => {
    const lines = linesOf({ quiet: true }, ...Object.values(samples));
    expect(lines.filter((line) => !line.startsWith('  '))).toEqual([
      '[ 4/12] train@b: failed after 3.2s: exit code 1',
      'warning: a cache entry is damaged',
    ]);
  });

  it('says in one line that there was nothing to do', () => {
    const skipped = Array.from({ length: 20 }, (_, index): RunEvent => ({
      ...samples['stage-skipped'],
      stage: `s${index}`,
    }));
    const summary = { ...samples.summary, executed: 0, restored: 0, skipped: 20, failed: 0, blocked: 0, seconds: 0.04 };
    expect(linesOf({}, { kind: 'run-started', stages: 20, jobs: 2 }, ...skipped, summary)).toEqual([
      'nothing to do: 20 stages unchanged (0.04s)',
    ]);
  });

  it('shortens a long list of reasons, and names a further attempt', () => {
    const reasons = ['a', 'b', 'c', 'd', 'e'].map((path) => ({ kind: 'out-missing' as const, path }));
    const event = stageStarted('train', { reasons, attempt: 2 });
    expect(linesOf({}, event)).toEqual([
      'train: started again (attempt 2) (out missing: a; out missing: b; out missing: c; … and 2 more)',
    ]);
    expect(linesOf({ verbose: true }, event)[0]).toContain('out missing: e');
  });

  it('lists several failures once more before the closing line, and shortens what they block', () => {
    const fail = (stage: string): RunEvent => ({ ...samples['stage-failed'], stage });
    const blocked = Array.from({ length: 9 }, (_, index): RunEvent => ({
      kind: 'stage-blocked',
      stage: `e@${index}`,
      by: 'a',
    }));
    const lines = linesOf({}, fail('a'), fail('b'), ...blocked, samples.summary);
    expect(lines.slice(-3, -1)).toEqual([
      '9 stages blocked by a: e@0, e@1, e@2, e@3, e@4, … and 4 more',
      'failed: a, b',
    ]);
  });

  it('shows no control sequences of others', () => {
    const line = '\u001b[31mred\u001b[0m\u001b[2J';
    const event = {
      ...samples['stage-failed'],
      stage: 'x\u001b[1m',
      message: `${line}\n${line}`,
      tail: [line],
      hint: line,
      log: line,
    };
    const text = linesOf(
      { verbose: true },
      event,
      { ...samples['stage-output'], line },
      { kind: 'warning', message: line },
    ).join('\n');
    expect(text).toContain('red');
    expect(text.includes('\u001b')).toBe(false);
  });

  it('colours failures where colours are wanted', () => {
    expect(linesOf({ colour: true }, samples['stage-failed'])[0]).toBe(
      '\u001b[31m[1/0] train@b: failed after 3.2s: exit code 1\u001b[39m',
    );
  });

  it('quotes a stage name that a shell would take apart', () => {
    expect(linesOf({}, { ...samples['stage-failed'], stage: "it's $x" })[3]).toContain(`dagrun logs 'it'\\''s $x'`);
  });
});

describe('the heartbeat', () => {
  it('mentions a silent stage about once a minute, with its progress', () => {
    const { out, reporter } = make();
    reporter.report(stageStarted('train'));
    jest.advanceTimersByTime(59_000);
    expect(out.lines()).toHaveLength(1);
    jest.advanceTimersByTime(1000);
    reporter.report({ kind: 'stage-progress', stage: 'train', fraction: 0.429, text: 'epoch 5/12' });
    jest.advanceTimersByTime(60_000);
    expect(out.lines().slice(1)).toEqual([
      'train: still running after 1m 00s',
      'train: still running after 2m 00s, 42% epoch 5/12',
    ]);
    jest.advanceTimersByTime(3_600_000);
    expect(out.lines()).toHaveLength(63);
  });

  it('is not needed while the output of a stage is shown', () => {
    const { out, reporter } = make({ verbose: true });
    reporter.report(stageStarted('train'));
    for (let i = 0; i < 10; i++) {
      jest.advanceTimersByTime(30_000);
      reporter.report({ kind: 'stage-output', stage: 'train', line: 'x' });
    }
    expect(out.text).not.toContain('still running');
  });

  it('ends with the last running stage, and when the reporter is closed', () => {
    const { reporter } = make();
    reporter.report(stageStarted('a'));
    reporter.report(stageStarted('b'));
    reporter.report(stageExecuted('a'));
    expect(jest.getTimerCount()).toBe(1);
    reporter.report(stageExecuted('b'));
    expect(jest.getTimerCount()).toBe(0);
    reporter.report(stageStarted('c'));
    reporter.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is silent when the reporter is quiet, and where it is not wanted', () => {
    for (const options of [{ quiet: true }, { heartbeat: null }]) {
      const { reporter } = make(options);
      reporter.report(stageStarted('a'));
      expect(jest.getTimerCount()).toBe(0);
    }
  });
});
