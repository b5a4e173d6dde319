import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { chooseReporter } from './choose.ts';
import type { ReporterChoice } from './choose.ts';
import { wantsColour } from './colour.ts';
import { JsonReporter } from './json.ts';
import { PlainReporter } from './plain.ts';
import { Sink } from './sink.ts';
import { TerminalReporter } from './terminal.ts';
import { MemoryOutput, samples } from './testing/events.ts';

function choose(isTTY: boolean, more: Partial<ReporterChoice> = {}): unknown {
  const out = { write: () => true, isTTY };
  return chooseReporter({ out, json: false, verbose: false, quiet: false, env: {}, now: () => 0, ...more });
}

describe('chooseReporter', () => {
  it.each<[string, boolean, Partial<ReporterChoice>, new (options: never) => unknown]>([
    ['a live display on a terminal', true, {}, TerminalReporter],
    ['plain lines in a pipe', false, {}, PlainReporter],
    ['plain lines in CI, even on a terminal', true, { env: { CI: 'true' } }, PlainReporter],
    ['a live display where CI is switched off', true, { env: { CI: 'false' } }, TerminalReporter],
    ['plain lines on a dumb terminal', true, { env: { TERM: 'dumb' } }, PlainReporter],
    ['plain lines when it is quiet', true, { quiet: true }, PlainReporter],
    ['JSON where that is asked for', true, { json: true }, JsonReporter],
  ])('gives %s', (_, isTTY, more, expected) => {
    expect(choose(isTTY, more)).toBeInstanceOf(expected);
  });
});

describe('wantsColour', () => {
  it.each<[Record<string, string>, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ TERM: 'dumb' }, true, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: 'false' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  ])('%j on a terminal (%s): %s', (env, isTTY, wanted) => {
    expect(wantsColour(env, { write: () => true, isTTY })).toBe(wanted);
  });
});

describe('Sink', () => {
  it('takes the error of a pipe that nobody reads any more, and writes no further', () => {
    const stream = new EventEmitter() as EventEmitter & { write: (text: string) => void };
    const written: string[] = [];
    stream.write = (text) => written.push(text);
    const sink = new Sink(stream);
    sink.write('a');
    expect(() => stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).not.toThrow();
    sink.write('b');
    expect(written).toEqual(['a']);
    expect(sink.broken).toBe(true);
  });

  it('survives a write that throws', () => {
    const sink = new Sink({
      write: () => {
        throw new Error('EIO');
      },
    });
    expect(() => sink.write('a')).not.toThrow();
    expect(sink.broken).toBe(true);
  });
});

describe.each([
  ['json', { json: true }, false],
  ['plain', {}, false],
  ['terminal', {}, true],
] as const)('the %s reporter', (_, more, isTTY) => {
  it.each([true, false])(
    'handles every kind of event (verbose: %s), and goes on when its reader is gone',
    (verbose) => {
      const out = Object.assign(new MemoryOutput(), { isTTY });
      const choice = { json: false, verbose, quiet: false, env: {}, now: () => 0, ...more };
      const reporter = chooseReporter({ ...choice, out });
      for (const event of Object.values(samples)) reporter.report(event);
      reporter.close();
      for (const word of ['train@a', 'evaluate', 'train@b', 'report', 'publish', 'damaged', 'SIGINT']) {
        expect(out.text).toContain(word);
      }
      const broken = chooseReporter({
        ...choice,
        out: {
          isTTY,
          write: () => {
            throw new Error('EPIPE');
          },
        },
      });
      for (const event of Object.values(samples)) broken.report(event);
      expect(() => broken.close()).not.toThrow();
    },
  );
});
