import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { RunEvent } from '../core/event.ts';
import type { Reason } from '../core/reason.ts';
import { eventToJson, JsonReporter } from './json.ts';
import { MemoryOutput, samples } from './testing/events.ts';

function linesOf(verbose: boolean, ...events: RunEvent[]): unknown[] {
  const out = new MemoryOutput();
  const reporter = new JsonReporter({ out, verbose });
  for (const event of events) reporter.report(event);
  reporter.close();
  return out.lines().map((line) => JSON.parse(line) as unknown);
}

describe('JsonReporter', () => {
  it('writes every kind of event as one line', () => {
    const kinds = linesOf(true, ...Object.values(samples)).map((line) => (line as { kind: string }).kind);
    expect(kinds).toEqual(Object.keys(samples));
  });

  it('ends with a summary of exactly the promised fields, in their order', () => {
    const out = new MemoryOutput();
    new JsonReporter({ out, verbose: false }).report(samples.summary);
    expect(out.text).toBe(
      '{"kind":"summary","executed":1,"restored":1,"skipped":1,"failed":1,"blocked":1,"seconds":190}\n',
    );
  });

  it('leaves the output of stages out, unless it is verbose', () => {
    expect(linesOf(false, samples['stage-output'])).toEqual([]);
    expect(linesOf(true, samples['stage-output'])).toEqual([
      { kind: 'stage-output', stage: 'train@a', line: 'loss 0.3' },
    ]);
  });

  it('tells what a restored stage saved', () => {
    expect(linesOf(false, samples['stage-restored'])).toEqual([samples['stage-restored']]);
  });

  it('leaves the hint out where there is none', () => {
    expect(linesOf(false, { kind: 'warning', message: 'm' })).toEqual([{ kind: 'warning', message: 'm' }]);
  });

  it('does not let further fields of an event into the output', () => {
    const event = { ...samples['stage-executed'], secret: 1 };
    expect(linesOf(false, event)).toEqual([samples['stage-executed']]);
  });

  it('keeps any text on one line', () => {
    const line = 'a\n\u2028"\ud800\u001b[2J';
    const out = new MemoryOutput();
    new JsonReporter({ out, verbose: true }).report({ ...samples['stage-output'], line });
    expect(out.lines()).toHaveLength(1);
    expect(out.text.includes('\u001b')).toBe(false);
  });

  it('writes skipped stages together with what follows, and at the latest when it is closed', () => {
    const writes: string[] = [];
    const reporter = new JsonReporter({ out: { write: (text) => writes.push(text) }, verbose: false });
    for (let i = 0; i < 100; i++) reporter.report(samples['stage-skipped']);
    expect(writes).toHaveLength(0);
    reporter.report(samples['stage-executed']);
    expect(writes).toHaveLength(1);
    reporter.report(samples['stage-skipped']);
    reporter.close();
    expect(writes).toHaveLength(2);
  });
});

describe('docs/json-output.md', () => {
  const text = readFileSync(new URL('../../docs/json-output.md', import.meta.url), 'utf8');

  it.each(Object.values(samples))('describes $kind with all of its fields', (event) => {
    const start = text.indexOf(`### \`${event.kind}\``);
    expect(start).toBeGreaterThan(0);
    const section = text.slice(start, text.indexOf('\n##', start + 4));
    for (const field of Object.keys(eventToJson(event))) {
      if (field !== 'kind' && field !== 'stage') expect(section).toContain(`\`${field}\``);
    }
  });

  const kinds: Record<Reason['kind'], true> = {
    stage: true,
    cmd: true,
    wdir: true,
    dep: true,
    param: true,
    code: true,
    package: true,
    env: true,
    host: true,
    history: true,
    out: true,
    'out-missing': true,
    'out-edited': true,
    'objects-missing': true,
    'never-run': true,
    forced: true,
    'always-changed': true,
    frozen: true,
    upstream: true,
    'dep-missing': true,
    'dep-unreadable': true,
    'param-missing': true,
    'code-error': true,
  };
  it.each(Object.keys(kinds))('describes the reason %s', (kind) => {
    expect(text.slice(text.indexOf('## Reasons'))).toContain(`\`${kind}\``);
  });
});
