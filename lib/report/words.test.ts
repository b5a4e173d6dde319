import { describe, expect, it } from '@jest/globals';
import type { JobEnd } from '../plan/ports.ts';
import { describeEnd, failureBlock, listReasons, tellingReasons } from './words.ts';
import { samples } from './testing/events.ts';

describe('describeEnd', () => {
  it.each<[JobEnd, string]>([
    [{ kind: 'exited', code: 1, command: 'x' }, 'exit code 1'],
    [{ kind: 'exited', code: 127, command: 'x' }, 'exit code 127 (command not found)'],
    [{ kind: 'exited', code: 137, command: 'x' }, 'exit code 137 (killed: out of memory?)'],
    [{ kind: 'signalled', signal: 'SIGKILL', command: 'x' }, 'killed by SIGKILL (out of memory?)'],
    [{ kind: 'signalled', signal: 'SIGSEGV', command: 'x' }, 'killed by SIGSEGV (segmentation fault)'],
    [{ kind: 'signalled', signal: 'SIGUSR1', command: 'x' }, 'killed by SIGUSR1'],
    [{ kind: 'timed-out', seconds: 1800, command: 'x' }, 'timed out after 30m'],
    [{ kind: 'interrupted' }, 'interrupted'],
    [{ kind: 'not-started', message: 'no such folder', command: 'x' }, 'could not be started: no such folder'],
  ])('%j → %s', (end, text) => {
    expect(describeEnd(end)).toBe(text);
  });
});

describe('failureBlock', () => {
  const failed = samples['stage-failed'];

  it('names what happened, the last lines, the way to the full log, and what to do', () => {
    expect(failureBlock(failed)).toEqual({
      headline: 'failed after 3.2s: exit code 1',
      message: [],
      tail: ['Traceback', 'ModuleNotFoundError'],
      pointers: ['full log: dagrun logs train@b  (cache/logs/train@b/1.log)', 'hint: install numpy'],
    });
  });

  it('names no time and no log where nothing was started', () => {
    const block = failureBlock({
      ...failed,
      message: 'dep missing: x',
      seconds: 0,
      log: null,
      tail: [],
      hint: undefined,
    });
    expect(block).toEqual({ headline: 'failed: dep missing: x', message: [], tail: [], pointers: [] });
  });

  it('keeps messages and hints of several lines apart', () => {
    const block = failureBlock({ ...failed, message: 'first\nsecond', hint: 'do this\nthen that' });
    expect(block.headline).toBe('failed after 3.2s: first');
    expect(block.message).toEqual(['second']);
    expect(block.pointers.slice(1)).toEqual(['hint: do this', '      then that']);
  });
});

describe('reasons', () => {
  const many = ['a', 'b', 'c', 'd'].map((path) => ({ kind: 'out-edited' as const, path }));

  it('are listed on one line, the first three unless all are wanted', () => {
    expect(listReasons(many, { all: false })).toBe('out edited: a; out edited: b; out edited: c; … and 1 more');
    expect(listReasons(many, { all: true })).toBe('out edited: a; out edited: b; out edited: c; out edited: d');
    expect(listReasons([], { all: true })).toBe('');
  });

  it('that everybody expects are not telling', () => {
    expect(tellingReasons([{ kind: 'never-run' }, { kind: 'forced' }, many[0]!])).toEqual([many[0]]);
  });
});
