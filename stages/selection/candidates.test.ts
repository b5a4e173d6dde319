import { describe, expect, it } from '@jest/globals';
import type { DatasetIndex } from '../data/manifest.ts';
import type { BenchmarkResult } from '../latency/result.ts';
import { gatherCandidates } from './candidates.ts';
import type { Gathered } from './candidates.ts';
import { readHistory } from './history.ts';
import { evaluateRun, evaluationOf, trainRun } from './testing.ts';
import type { EvaluationChanges, RunChanges } from './testing.ts';

interface Past extends EvaluationChanges, RunChanges {
  readonly model: string;
}

interface World {
  readonly past: readonly Past[];
  /** Definition digests by name. */
  readonly now: Readonly<Record<string, string>>;
  readonly identities?: Readonly<Record<string, string>>;
  readonly unmeasured?: BenchmarkResult['unmeasured'];
}

function gather({ past, now, identities = {}, unmeasured = [] }: World): Gathered {
  const models = Object.keys(now).map((name) => [
    name,
    { name: 'synthetic', source: 'source-1', identity: identities[name] ?? 'identity-1' },
  ]);
  const missing = new Set(unmeasured.map(({ model }) => model));
  const benchmark: BenchmarkResult = {
    ...noBenchmark,
    latencies: past
      .filter(({ model }) => !missing.has(model))
      .map(({ model }) => ({ model, p50: 1, p95: 2, perImage: 0.5, throughput: 2000, batch: 256 })),
    unmeasured,
  };
  return gatherCandidates({
    history: readHistory(
      past.map((one) => evaluateRun(one.model, evaluationOf(one), one)),
      past.map((one) => trainRun(one.model, one)),
    ),
    index: { version: 1, models: Object.fromEntries(models) as DatasetIndex['models'] },
    definitions: new Map(Object.entries(now)),
    benchmark,
  });
}

const noBenchmark: BenchmarkResult = {
  version: 1,
  host: { cpu: 'cpu', cores: 2, os: 'linux', node: '20' },
  engine: { name: 'wasm', version: 'tfjs', notes: [] },
  latencies: [],
  unmeasured: [],
};

const tell = ({ candidates }: Gathered): readonly unknown[] =>
  candidates.map(({ names, origin, model }) => [names.join('+'), origin, model]).sort();

describe('gatherCandidates', () => {
  it('has a training that was stopped only where none of the same definition came further', () => {
    const halted = (after: number) => ({ after, of: 9 });
    const past: Past[] = [
      { model: 'm1', definitionDigest: 'd1', halted: halted(2), at: '2026-01-03' },
      { model: 'm2', definitionDigest: 'd1', halted: halted(6), at: '2026-01-02' },
      { model: 'm3', definitionDigest: 'd2', halted: halted(2), at: '2026-01-03', name: 'model2' },
      { model: 'm4', definitionDigest: 'd2', at: '2026-01-01', name: 'model2' },
    ];
    const gathered = gather({ past, now: { model1: 'd1', model2: 'd2' } });
    expect(tell(gathered)).toEqual([
      ['model1', 'run', 'm2'],
      ['model2', 'run', 'm4'],
    ]);
    expect(gathered.candidates.map(({ model, halted: how }) => [model, how]).sort()).toEqual([
      ['m2', halted(6)],
      ['m4', undefined],
    ]);
  });

  it('has the models of this run under their names now, and those of the history under the names that they had', () => {
    const gathered = gather({
      past: [
        { model: 'm1', definitionDigest: 'd1', name: 'old-name' },
        { model: 'm2', definitionDigest: 'd2', name: 'removed' },
      ],
      now: { 'new-name': 'd1' },
    });
    expect(tell(gathered)).toEqual([
      ['new-name', 'run', 'm1'],
      ['removed', 'history', 'm2'],
    ]);
    expect(gathered.warnings).toEqual([]);
    expect(gathered.data).toEqual({ name: 'synthetic', source: 'source-1', identity: 'identity-1' });
  });

  it('has a model once, however many names and evaluations it has, and by its newest evaluation', () => {
    const gathered = gather({
      past: [
        { model: 'm1', name: 'a', at: '2026-01-01T00:00:00.000Z', fingerprint: '1', accuracy: 0.1 },
        { model: 'm1', name: 'b', at: '2026-03-01T00:00:00.000Z', fingerprint: '2', accuracy: 0.3 },
        { model: 'm1', name: 'c', at: '2026-02-01T00:00:00.000Z', fingerprint: '3', accuracy: 0.2 },
      ],
      now: { y: 'd1', x: 'd1' },
    });
    expect(tell(gathered)).toEqual([['x+y', 'run', 'm1']]);
    expect(gathered.candidates[0]).toMatchObject({
      evaluatedAt: '2026-03-01T00:00:00.000Z',
      figures: { val_acc: 0.3 },
    });
    expect(
      tell(
        gather({
          past: [
            { model: 'm1', name: 'b' },
            { model: 'm1', name: 'a' },
          ],
          now: { other: 'd9' },
        }),
      ),
    ).toEqual([['a+b', 'history', 'm1']]);
  });

  it('keeps trainings of one definition apart that gave different bytes: the newest is that of this run', () => {
    const gathered = gather({
      past: [
        { model: 'new', at: '2026-02-01T00:00:00.000Z' },
        { model: 'old', at: '2026-01-01T00:00:00.000Z' },
      ],
      now: { model1: 'd1' },
    });
    expect(tell(gathered)).toEqual([
      ['model1', 'history', 'old'],
      ['model1', 'run', 'new'],
    ]);
    expect(new Set(gathered.candidates.map(({ id }) => id)).size).toBe(2);
  });

  it('gives the same ids whatever the names, times and order', () => {
    const past = [{ model: 'm1' }, { model: 'm2', definitionDigest: 'd2' }];
    const ids = gather({ past, now: { a: 'd1' } }).candidates.map(({ id, model }) => [model, id]);
    const renamed = past.map((one) => ({ ...one, name: 'x', at: '2030-01-01T00:00:00.000Z' })).reverse();
    expect(
      gather({ past: renamed, now: { b: 'd2' } })
        .candidates.map(({ id, model }) => [model, id])
        .sort(),
    ).toEqual(ids.sort());
    expect(ids[0]![1]).toMatch(/^[0-9a-f]{10}$/);
  });

  it('leaves out models of other data and counts each once', () => {
    const gathered = gather({
      past: [
        { model: 'm1' },
        { model: 'm2', source: 'source-2', fingerprint: '2' },
        { model: 'm2', source: 'source-2', fingerprint: '3' },
        { model: 'm3', source: 'source-3' },
      ],
      now: { a: 'd1' },
    });
    expect(tell(gathered)).toEqual([['a', 'run', 'm1']]);
    expect(gathered.otherData).toBe(2);
  });

  it('compares another validation split of the same source, with a warning', () => {
    const gathered = gather({
      past: [{ model: 'm1' }, { model: 'm2', definitionDigest: 'd2', identity: 'identity-2', name: 'other' }],
      now: { a: 'd1' },
    });
    expect(tell(gathered)).toEqual([
      ['a', 'run', 'm1'],
      ['other', 'history', 'm2'],
    ]);
    expect(gathered.warnings).toEqual([
      '"other" was validated on another split of the same data (its seed or fraction differs): the figures are compared, but small differences may come from the split.',
    ]);
  });

  it('does not take a model for one of this run that was evaluated on another split', () => {
    const gathered = gather({ past: [{ model: 'm1', identity: 'identity-2' }], now: { a: 'd1' } });
    expect(tell(gathered)).toEqual([['model1', 'history', 'm1']]);
  });

  it('names the data after the split that most models have', () => {
    const identities = { a: 'identity-2', b: 'identity-3', c: 'identity-3' };
    const gathered = gather({ past: [], now: { a: 'd1', b: 'd2', c: 'd3' }, identities });
    expect(gathered.data.identity).toBe('identity-3');
  });

  it('tells for whom there is no timing, and why', () => {
    const gathered = gather({
      past: [{ model: 'm1' }, { model: 'm2', definitionDigest: 'd2', name: 'gone' }],
      now: { a: 'd1' },
      unmeasured: [{ model: 'm2', reason: 'its files are no longer in the cache' }],
    });
    expect(gathered.candidates.map(({ model, figures }) => [model, figures.latency_p50]).sort()).toEqual([
      ['m1', 1],
      ['m2', null],
    ]);
    expect(gathered.warnings).toEqual(['There is no timing of "gone": its files are no longer in the cache.']);
  });

  it('tells how many evaluations it cannot use', () => {
    const gathered = gatherCandidates({
      history: readHistory([evaluateRun('m1', 3), evaluateRun('m2', evaluationOf())], []),
      index: { version: 1, models: { a: { name: 'synthetic', source: 'source-1', identity: 'identity-1' } } },
      definitions: new Map([['a', 'd1']]),
      benchmark: noBenchmark,
    });
    expect(gathered.warnings).toEqual([
      '1 recorded evaluation is left out: the form of the result is not known.',
      '1 recorded evaluation is left out: the training of the model is no longer in the history.',
    ]);
  });

  it('asks for a model where params.yaml has none', () => {
    expect(() => gather({ past: [{ model: 'm1' }], now: {} })).toThrow(/params.yaml has no model/);
  });
});
