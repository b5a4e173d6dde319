import { describe, expect, it } from '@jest/globals';
import { makeColours } from './colour.ts';
import { cleanLine, displayWidth } from './display.ts';
import { liveLines } from './live-lines.ts';
import type { LiveView, Running } from './live-lines.ts';

function running(name: string, more: Partial<Running> = {}): Running {
  return { name, attempt: 1, startedAt: 0, expected: null, fraction: null, text: '', last: '', ...more };
}

function view(more: Partial<LiveView> = {}): LiveView {
  const colours = makeColours(false);
  return {
    columns: 80,
    rows: 24,
    now: 62_000,
    tick: 0,
    colours,
    done: 3,
    failed: 0,
    stages: 12,
    startedAt: 0,
    ...more,
  };
}

describe('liveLines', () => {
  it('shows nothing where nothing runs', () => {
    expect(liveLines([], view())).toEqual([]);
  });

  it('shows name and time of a stage that says nothing, and how far the run is', () => {
    expect(liveLines([running('train')], view())).toEqual(['⠋ train  1m 02s', '  3 of 12 done, 1 running · 1m 02s']);
  });

  it('counts failures', () => {
    expect(liveLines([running('train')], view({ failed: 2 }))[1]).toBe('  3 of 12 done, 2 failed, 1 running · 1m 02s');
  });

  it('leaves out how far the run is where there is but one stage', () => {
    expect(liveLines([running('train')], view({ stages: 1 }))).toHaveLength(1);
  });

  it('draws a bar from the progress, and the time left', () => {
    const stage = running('train', { fraction: 0.5, text: 'epoch 5/10', last: 'loss 0.3' });
    expect(liveLines([stage], view({ columns: 100 }))[0]).toBe(
      '⠋ train  ██████████░░░░░░░░░░   50%  1m 02s  ETA 1m 02s  epoch 5/10 │ loss 0.3',
    );
  });

  it('takes the last known run as a guide where there is no progress, and says so', () => {
    expect(liveLines([running('train', { expected: 124 })], view())[0]).toBe(
      '⠋ train  █████░░░░░  ~50%  1m 02s  ETA 1m 02s',
    );
    expect(liveLines([running('train', { expected: 60 })], view())[0]).toBe('⠋ train  1m 02s');
  });

  it('prefers the last known run while the progress is too small to tell', () => {
    expect(liveLines([running('train', { expected: 122, fraction: 0.01 })], view())[0]).toContain(
      '1%  1m 02s  ETA 1m 00s',
    );
    expect(liveLines([running('train', { fraction: 0 })], view())[0]).not.toContain('ETA');
    expect(liveLines([running('train', { fraction: 1 })], view())[0]).not.toContain('ETA');
  });

  it('names a further attempt', () => {
    expect(liveLines([running('train', { attempt: 2, text: 'x' })], view())[0]).toBe('⠋ train  1m 02s  attempt 2 · x');
  });

  it('says an output line once, when it is the progress text too', () => {
    expect(liveLines([running('train', { text: 'same text', last: 'same text' })], view())[0]).toBe(
      '⠋ train  1m 02s  same text',
    );
  });

  it('lets the columns stand below each other', () => {
    const lines = liveLines([running('a', { fraction: 0.5 }), running('prepare@日本', { startedAt: 60_000 })], view());
    expect(lines[0]!.indexOf('1m 02s')).toBe(lines[0]!.length - 'ETA 1m 02s  1m 02s'.length);
    expect(displayWidth(lines[1]!.trimEnd())).toBe(lines[0]!.indexOf('1m 02s') + 6);
  });

  it('gives up bar, ETA, time and percentage on narrow terminals, one after the other', () => {
    const stage = running('train@model1-lr0.01', { fraction: 0.5, expected: 124, text: 'epoch 5/10' });
    const at = (columns: number): string => liveLines([stage], view({ columns }))[0]!.trimEnd();
    expect(at(60)).toBe('⠋ train@model1-lr0.01  █████░░░░░   50%  1m 02s  ETA 1m 02s');
    expect(at(45)).toBe('⠋ train@m…-lr0.01   50%  1m 02s  ETA 1m 02s');
    expect(at(30)).toBe('⠋ train…0.01   50%  1m 02s');
    expect(at(20)).toBe('⠋ trai….01   50%');
    expect(at(10)).toBe('⠋ tra….01');
  });

  it('never fills the last column, whatever the names and texts', () => {
    for (let columns = 3; columns < 130; columns++) {
      const stages = [
        running('日本語の長い名前のステージ', {
          fraction: 0.33,
          text: '進捗 🚀🚀🚀 '.repeat(9),
          last: '👩‍👩‍👧❤️'.repeat(40),
        }),
        running('x'.repeat(200), { expected: 100_000, last: 'y'.repeat(5000) }),
      ];
      for (const line of liveLines(stages, view({ columns, colours: makeColours(true) }))) {
        expect(displayWidth(cleanLine(line))).toBeLessThan(columns);
      }
    }
  });

  it('takes at most rows - 2 lines, and counts the stages that find no room', () => {
    const stages = Array.from({ length: 20 }, (_, index) => running(`s${index}`));
    const lines = liveLines(stages, view({ rows: 10 }));
    expect(lines).toHaveLength(8);
    expect(lines.at(-2)).toBe('  … and 14 more');
    for (let rows = 1; rows < 30; rows++) {
      expect(liveLines(stages, view({ rows })).length).toBeLessThanOrEqual(Math.max(1, rows - 2));
    }
  });
});
