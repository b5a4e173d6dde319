import { describe, expect, it } from '@jest/globals';
import type { RecordedOut, RecordedRun } from '../context/context.ts';
import { findCandidates } from './candidates.ts';

const modelOut = (digest: string): RecordedOut => ({
  path: 'artifacts/somewhere/model',
  label: 'out',
  kind: 'tree',
  digest,
  files: [
    { path: 'model.json', object: `/objects/${digest}-json` },
    { path: 'weights.bin', object: `/objects/${digest}-weights` },
  ],
});
const historyOut: RecordedOut = { path: 'h.json', label: 'out', kind: 'file', digest: 'h', files: [] };

function runOf(deps: Readonly<Record<string, string>>, outs: readonly RecordedOut[] = []): RecordedRun {
  return { stage: 's', fingerprint: 'f', at: '2026-01-01T00:00:00Z', seconds: 1, metrics: {}, deps, outs };
}
const training = (digest: string): RecordedRun =>
  runOf({ 'data/prepared/x': 'tree data', 'definition.json': 'd' }, [modelOut(digest), historyOut]);
const evaluation = (digest: string, data = 'data'): RecordedRun =>
  runOf({ 'definition.json': 'd', 'data/prepared/x': `tree ${data}`, 'artifacts/x/model': `tree ${digest}` });

describe('findCandidates', () => {
  it('finds each evaluated model once, by what it is and not by its name', () => {
    const { models, orphans } = findCandidates(
      [training('b'), training('a'), training('never-evaluated')],
      [evaluation('b'), evaluation('a'), evaluation('b', 'other data')],
    );
    expect(models.map(({ digest }) => digest)).toEqual(['a', 'b']);
    expect(models[0]!.files).toEqual(modelOut('a').files);
    expect(orphans).toEqual([]);
  });

  it('does not take a folder without model.json, nor a file with the digest, for a model', () => {
    const checkpoint: RecordedOut = { ...modelOut('c'), files: [{ path: 'step.bin', object: '/o' }] };
    const trained = runOf({ x: 'tree data' }, [modelOut('a'), checkpoint]);
    const evaluated = runOf({ x: 'tree data', y: 'tree c', z: 'a' });
    expect(findCandidates([trained], [evaluated])).toEqual({ models: [], orphans: ['c'] });
  });

  it('names models whose training is no longer in the history', () => {
    expect(findCandidates([training('a')], [evaluation('a'), evaluation('gone'), evaluation('gone')])).toMatchObject({
      models: [{ digest: 'a' }],
      orphans: ['gone'],
    });
  });

  it('does not guess where nothing tells the model from the data', () => {
    expect(findCandidates([], [evaluation('a')])).toEqual({ models: [], orphans: [] });
  });

  it('finds nothing in an empty history', () => {
    expect(findCandidates([], [])).toEqual({ models: [], orphans: [] });
  });
});
