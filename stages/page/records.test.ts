import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { RecordedRun } from '../context/context.ts';
import type { Ranked, Ranking } from '../selection/ranking.ts';
import { gatherRecords } from './records.ts';

const folder = mkdtempSync(join(tmpdir(), 'records-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function candidate(id: string, model: string, evaluatedAt: string): Ranked {
  return { id, names: [id], origin: 'run', evaluatedAt, model, excluded: [], rank: 1 } as unknown as Ranked;
}

function rankingOf(...candidates: Ranked[]): Ranking {
  return { candidates, data: { name: 'd', source: 's', identity: 'same' } } as unknown as Ranking;
}

function run(
  model: string,
  at: string,
  options: { identity?: string; files?: Record<string, string> } = {},
): RecordedRun {
  const files = Object.entries(options.files ?? {}).map(([path, content]) => {
    const object = join(folder, `${model}-${at}-${path}`);
    if (content !== '') writeFileSync(object, content);
    return { path, object };
  });
  return {
    stage: 'evaluate@x',
    fingerprint: at,
    at,
    seconds: 1,
    metrics: { 'e.json': { definitionDigest: at, history: {}, data: { identity: options.identity ?? 'same' } } },
    deps: { data: 'tree 0', 'artifacts/x/model': `tree ${model}` },
    outs: [{ path: 'artifacts/x/evaluation', label: 'out', kind: 'tree', digest: '', files }],
  };
}

describe('gatherRecords', () => {
  it('joins candidates and evaluations by the content of the model, whatever it is called', () => {
    const records = gatherRecords(rankingOf(candidate('a', 'aa', '1'), candidate('b', 'bb', '2')), [
      run('bb', '2'),
      run('aa', '1'),
    ]);
    expect(records.map(({ evaluation }) => evaluation?.definitionDigest)).toEqual(['1', '2']);
  });

  it('takes the evaluation that the ranking speaks of, else the latest on the same data', () => {
    const runs = [run('aa', '3', { identity: 'other' }), run('aa', '2'), run('aa', '1')];
    const pick = (at: string): string =>
      gatherRecords(rankingOf(candidate('a', 'aa', at)), runs)[0]!.evaluation!.definitionDigest;
    expect(pick('1')).toBe('1');
    expect(pick('9')).toBe('2');
  });

  it('knows nothing of a model without evaluation, and says so with null', () => {
    const [record] = gatherRecords(rankingOf(candidate('a', 'aa', '1')), [run('bb', '1')]);
    expect(record).toMatchObject({ label: 'a', anchor: 'model-a', evaluation: null, details: null, preview: null });
  });

  it('reads details and preview as far as the cache has them', () => {
    const image = { file: '01.png', truth: 't', predicted: 'p', confidence: 0.5, correct: false };
    const files = {
      'classes.json': '{"classes":["t","p"]}',
      'preview.json': JSON.stringify({ version: 1, images: [image, { ...image, file: '02.png' }] }),
      '01.png': 'PNG',
      '02.png': '', // removed by `dagrun gc`
    };
    const [record] = gatherRecords(rankingOf(candidate('a', 'aa', '1')), [run('aa', '1', { files })]);
    expect(record!.details!.classes).toEqual(['t', 'p']);
    expect(record!.preview!.map(({ png }) => png?.toString() ?? null)).toEqual(['PNG', null]);
  });
});
