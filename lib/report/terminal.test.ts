import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { RunEvent } from '../core/event.ts';
import { isFirstJob } from '../core/suspension.ts';
import type { ReporterOptions } from './options.ts';
import { TerminalReporter } from './terminal.ts';
import { samples, stageExecuted, stageStarted } from './testing/events.ts';
import { VirtualScreen } from './testing/virtual-screen.ts';

const made: TerminalReporter[] = [];

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  for (const reporter of made.splice(0)) reporter.close();
  jest.useRealTimers();
});

type Options = Partial<Omit<ReporterOptions, 'out'>>;

function make(
  screen = new VirtualScreen(),
  options: Options = {},
): { screen: VirtualScreen; reporter: TerminalReporter } {
  const defaults = { verbose: false, quiet: false, colour: true, now: () => Date.now() };
  const reporter = new TerminalReporter({ out: screen, ...defaults, ...options });
  made.push(reporter);
  return { screen, reporter };
}

function output(stage: string, line: string): RunEvent {
  return { kind: 'stage-output', stage, line };
}

function progress(stage: string, fraction: number, text = ''): RunEvent {
  return { kind: 'stage-progress', stage, fraction, text };
}

/** All text, however it was wrapped. */
function unspaced(lines: readonly string[]): string {
  return lines.join('').replaceAll(' ', '');
}

const quietSummary: RunEvent = {
  ...samples.summary,
  executed: 0,
  restored: 0,
  skipped: 20,
  failed: 0,
  blocked: 0,
  seconds: 0.04,
};

describe('TerminalReporter', () => {
  it('leaves the lines that matter and the closing line', () => {
    const { screen, reporter } = make();
    for (const event of Object.values(samples)) reporter.report(event);
    reporter.close();
    expect(screen.everything()).toEqual(
      [
        '↺ evaluate  restored (saved 4m 10s)  out missing: artifacts/e.json',
        '✓ train@a   executed 3m 02s  changed param: params.yaml:lr 0.1 → 0.2',
        '✗ train@b  failed after 3.2s: exit code 1',
        '  │ Traceback',
        '  │ ModuleNotFoundError',
        '    full log: dagrun logs train@b  (cache/logs/train@b/1.log)',
        '    hint: install numpy',
        '▸ publish   would execute  never run here',
        '! a cache entry is damaged',
        '    hint: dagrun cache verify --repair',
        'pushed 2 runs, 7 objects (4.0 KiB) to origin',
        'interrupted by SIGINT: stopping',
        '1 stage blocked by train@b: report',
        'interrupted after 3m 10s: 1 failed, 1 blocked, 1 skipped, 1 restored (saved 4m 10s), 1 executed',
      ].flatMap((line) => (line.length > 80 ? [line.slice(0, 80), line.slice(80)] : [line])),
    );
  });

  it('leaves more when it is verbose', () => {
    const { screen, reporter } = make(new VirtualScreen(120), { verbose: true });
    for (const event of Object.values(samples)) reporter.report(event);
    reporter.close();
    expect(screen.everything().slice(0, 5)).toEqual([
      '▸ train@a  started: node train.js  changed param: params.yaml:lr 0.1 → 0.2',
      'train@a │ loss 0.3',
      '– prepare  skipped (unchanged)',
      '↺ evaluate  restored (saved 4m 10s)  out missing: artifacts/e.json',
      '✓ train@a   executed 3m 02s, peak 1.2 GiB  changed param: params.yaml:lr 0.1 → 0.2',
    ]);
    expect(screen.everything()).toContain('⊘ report    blocked by train@b');
  });

  it('shows failures and warnings only when it is quiet, and no live area', () => {
    const { screen, reporter } = make(new VirtualScreen(), { quiet: true });
    for (const event of Object.values(samples)) reporter.report(event);
    jest.advanceTimersByTime(5000);
    expect(screen.everything().filter((line) => !line.startsWith('  '))).toEqual([
      '✗ train@b  failed after 3.2s: exit code 1',
      '! a cache entry is damaged',
    ]);
  });

  it('prints one plain line in one write, moves no cursor and sets no timer where there is nothing to do', () => {
    const { screen, reporter } = make(new VirtualScreen(), { colour: false });
    reporter.report({ kind: 'run-started', stages: 20, jobs: 2 });
    for (let i = 0; i < 20; i++) reporter.report({ ...samples['stage-skipped'], stage: `s${i}` });
    expect(jest.getTimerCount()).toBe(0);
    reporter.report(quietSummary);
    reporter.close();
    expect(screen.writes).toEqual(['nothing to do: 20 stages unchanged (0.04s)\n']);
  });

  it('shows no control sequences but movements where colours are not wanted', () => {
    const { screen, reporter } = make(new VirtualScreen(), { colour: false });
    for (const event of Object.values(samples)) reporter.report(event);
    reporter.close();
    const sequences = screen.writes.join('').split('\u001b[').slice(1);
    expect(sequences.some((sequence) => /^[\d;]*m/.test(sequence))).toBe(false);
  });
});

describe('the live area', () => {
  it('shows what runs, and follows its progress and output', () => {
    const { screen, reporter } = make(new VirtualScreen(100));
    reporter.report({ kind: 'run-started', stages: 3, jobs: 2 });
    reporter.report(stageStarted('train'));
    reporter.report(progress('train', 0.25, 'epoch 1/4'));
    jest.advanceTimersByTime(10_000);
    reporter.report(output('train', 'loss 0.31'));
    jest.advanceTimersByTime(100);
    expect(screen.lines()).toEqual([
      expect.stringMatching(/^. train {2}█████░{15} {3}25% {2}10s {2}ETA 30s {2}epoch 1\/4 │ loss 0\.31$/),
      '  0 of 3 done, 1 running · 10s',
    ]);
  });

  it('keeps finished lines above, and leaves nothing of longer lines behind', () => {
    const { screen, reporter } = make();
    reporter.report({ kind: 'run-started', stages: 3, jobs: 2 });
    reporter.report(stageStarted('a'));
    reporter.report(stageStarted('b'));
    reporter.report(output('a', 'a very long line of output that is cut somewhere '.repeat(3)));
    reporter.report(output('b', 'another line'));
    jest.advanceTimersByTime(1000);
    reporter.report(output('b', 'short enough'));
    reporter.report(stageExecuted('a', 3.2));
    jest.advanceTimersByTime(200);
    expect(screen.lines()).toEqual([
      '✓ a  executed 3.2s',
      expect.stringMatching(/^. b {2}1s {2}short enough$/),
      '  1 of 3 done, 1 running · 1s',
    ]);
    reporter.report(stageExecuted('b', 4));
    jest.advanceTimersByTime(200);
    expect(screen.lines()).toEqual(['✓ a  executed 3.2s', '✓ b  executed 4.0s']);
  });

  it('leaves nothing of a longer line behind when only that line changes', () => {
    const { screen, reporter } = make(new VirtualScreen(60), { colour: false });
    reporter.report(stageStarted('a'));
    reporter.report(stageStarted('b'));
    reporter.report(output('a', 'a rather long line of output, cut at the end'));
    jest.advanceTimersByTime(300);
    expect(screen.lines()[0]).toMatch(/^. a {2}0s {2}a rather long/);
    reporter.report(output('a', 'now short'));
    jest.advanceTimersByTime(100);
    expect(screen.lines()).toEqual([
      expect.stringMatching(/^. a {2}0s {2}now short$/),
      expect.stringMatching(/^. b {2}0s$/),
    ]);
  });

  it('redraws at most ten times a second, one write a frame, and only what has changed', () => {
    const { screen, reporter } = make();
    reporter.report(stageStarted('a'));
    reporter.report(stageStarted('b'));
    for (let i = 0; i < 1000; i++) {
      jest.advanceTimersByTime(1);
      reporter.report(output('a', `line ${i} of the output`));
    }
    expect(screen.writes.length).toBeGreaterThan(5);
    expect(screen.writes.length).toBeLessThanOrEqual(10);
    jest.advanceTimersByTime(1000);
    expect(screen.writes.length).toBeLessThanOrEqual(20);
  });

  it('lets the spinner turn where nothing else happens', () => {
    const { screen, reporter } = make();
    reporter.report(stageStarted('a'));
    jest.advanceTimersByTime(100);
    const before = screen.lines()[0];
    jest.advanceTimersByTime(250);
    expect(screen.lines()[0]).not.toBe(before);
  });

  it('is put back in order: cursor shown, listeners and timers gone', () => {
    const before = process.listenerCount('SIGCONT');
    const { screen, reporter } = make();
    reporter.report(stageStarted('a'));
    jest.advanceTimersByTime(200);
    expect(screen.cursorVisible).toBe(false);
    expect(screen.listenerCount('resize')).toBe(1);
    expect(process.listenerCount('SIGCONT')).toBe(before + 1);
    reporter.close();
    expect(screen.cursorVisible).toBe(true);
    expect(screen.lines()).toEqual([]);
    expect(screen.listenerCount('resize')).toBe(0);
    expect(process.listenerCount('SIGCONT')).toBe(before);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('shows the cursor again when the process exits without closing it, with all lines written', () => {
    const { screen, reporter } = make();
    reporter.report(stageStarted('a'));
    jest.advanceTimersByTime(200);
    reporter.report({ ...samples['stage-restored'], reasons: [] });
    process.listeners('exit').at(-1)!.call(process, 0);
    expect(screen.cursorVisible).toBe(true);
    expect(screen.lines()).toEqual(['↺ evaluate  restored (saved 4m 10s)']);
  });

  (isFirstJob() ? it.skip : it)('begins anew below when the process is continued', () => {
    const { screen, reporter } = make();
    reporter.report(stageStarted('a'));
    jest.advanceTimersByTime(200);
    const stop = jest.spyOn(process, 'kill').mockReturnValue(true);
    process.listeners('SIGTSTP').at(-1)!.call(process, 'SIGTSTP');
    expect(stop).toHaveBeenCalledWith(process.pid, 'SIGSTOP');
    stop.mockRestore();
    expect(screen.cursorVisible).toBe(true);
    screen.write('[1]+ Stopped\n$ fg\n');
    process.listeners('SIGCONT').at(-1)!.call(process, 'SIGCONT');
    expect(screen.lines()).toEqual(['[1]+ Stopped', '$ fg', expect.stringMatching(/^. a {2}/)]);
  });

  it('never takes more than rows - 2 lines', () => {
    const { screen, reporter } = make(new VirtualScreen(80, 8));
    reporter.report({ kind: 'run-started', stages: 40, jobs: 20 });
    for (let i = 0; i < 20; i++) reporter.report(stageStarted(`s${i}`));
    jest.advanceTimersByTime(1000);
    expect(screen.everything()).toHaveLength(6);
    expect(screen.lines()[4]).toBe('  … and 16 more');
  });

  it('puts verbose output above, where it stays', () => {
    const { screen, reporter } = make(new VirtualScreen(40, 10), { verbose: true });
    reporter.report(stageStarted('a'));
    for (let i = 0; i < 50; i++) {
      reporter.report(output('a', `line ${i}`));
      jest.advanceTimersByTime(30);
    }
    reporter.report(stageExecuted('a'));
    reporter.close();
    expect(screen.everything()).toEqual([
      '▸ a  started: node train.js',
      ...Array.from({ length: 50 }, (_, i) => `a │ line ${i}`),
      '✓ a  executed 1.0s, peak 1.2 GiB',
    ]);
  });

  it('writes a flood of output without waiting', () => {
    const { screen, reporter } = make(new VirtualScreen(), { verbose: true });
    reporter.report(stageStarted('a'));
    for (let i = 0; i < 5000; i++) reporter.report(output('a', 'x'));
    expect(screen.everything().length).toBeGreaterThan(4000);
  });
});

describe('a changing window', () => {
  function run(reporter: TerminalReporter): void {
    reporter.report({ kind: 'run-started', stages: 9, jobs: 3 });
    for (const stage of ['prepare', 'train@a', 'train@b']) reporter.report(stageStarted(stage));
    reporter.report(progress('train@a', 0.4, 'epoch 4/10'));
    reporter.report(output('train@b', 'some output that is rather long so that it needs room '.repeat(3)));
    reporter.report(stageExecuted('prepare', 1));
    jest.advanceTimersByTime(500);
  }

  it.each([
    [80, 40],
    [80, 20],
    [200, 41],
    [40, 120],
    [20, 200],
  ])('leaves no rest of the old frame: %d to %d columns', (from, to) => {
    const { screen, reporter } = make(new VirtualScreen(from, 24));
    run(reporter);
    screen.resize(to, 24);
    jest.advanceTimersByTime(300);
    expect(unspaced(screen.lines()).startsWith('✓prepareexecuted1.0s')).toBe(true);
    const live = screen.lines().filter((line) => /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /.test(line));
    expect(live).toHaveLength(2);
    reporter.close();
    expect(unspaced(screen.everything())).toBe('✓prepareexecuted1.0s');
  });

  it('survives many changes of width and height', () => {
    const { screen, reporter } = make(new VirtualScreen(100, 30));
    run(reporter);
    for (const [columns, rows] of [
      [30, 30],
      [90, 30],
      [25, 20],
      [140, 30],
    ] as const) {
      screen.resize(columns, rows);
      jest.advanceTimersByTime(150);
    }
    reporter.close();
    expect(screen.everything()).toEqual(['✓ prepare  executed 1.0s']);
  });
});

describe('hostile output', () => {
  const pieces = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '\u001b[2J',
      '\u001b[H',
      '\u001b[10A',
      '\u001b[?1049h',
      '\u001b]0;t',
      '\u009b3A',
      '\u0085',
      '\r',
      '\n',
      '\b\b\b',
      '\t',
      '\u202e',
      '👩‍👩‍👧‍👦',
      '❤️',
      '日本語',
      '🇩🇪',
      'e\u0301\u0302\u0303\u0304\u0305\u0306',
      '\ud83d',
      'x'.repeat(500),
      '語'.repeat(300),
    ),
  );
  const line = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));

  it.each([20, 40, 80, 200])('never disturbs the screen of %d columns', (columns) => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: line, detail: line, fraction: fc.double() }), { maxLength: 12 }),
        (steps) => {
          const { screen, reporter } = make(new VirtualScreen(columns, 12), { colour: false });
          screen.write('$ dagrun repro\n');
          reporter.report({ kind: 'run-started', stages: 4, jobs: 2 });
          reporter.report(stageStarted('a'));
          reporter.report(stageStarted('日本@🚀'));
          for (const [index, { text, detail, fraction }] of steps.entries()) {
            reporter.report(output('a', text));
            reporter.report(progress('日本@🚀', fraction, detail));
            jest.advanceTimersByTime(130);
            if (index === 3) reporter.report(stageExecuted('b'));
            expect(screen.overflow).toBe(0);
            expect(screen.lines()[0]).toBe('$ dagrun repro');
          }
          reporter.report(stageExecuted('c'));
          reporter.close();
          const rest = steps.length > 3 ? '✓bexecuted1.0s✓cexecuted1.0s' : '✓cexecuted1.0s';
          expect(unspaced(screen.everything())).toBe(`$dagrunrepro${rest}`);
          expect(screen.cursor.column).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('scrolls above the live area when it is verbose, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.integer({ min: 20, max: 100 }), (lines, columns) => {
        const { screen, reporter } = make(new VirtualScreen(columns, 10), { verbose: true });
        reporter.report(stageStarted('a'));
        for (const text of lines) {
          reporter.report(output('a', text));
          jest.advanceTimersByTime(130);
        }
        reporter.close();
        const heads = screen.everything().filter((row) => row.startsWith('a │'));
        expect(heads).toHaveLength(lines.length);
        expect(screen.everything().some((row) => /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] a/.test(row))).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});
