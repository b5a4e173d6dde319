// Where the figures come from: data, engine, machine, versions. Only what the inputs say; nothing of the machine that writes the page.

import { describeEngine } from '../engine/engine.ts';
import type { BenchmarkResult } from '../latency/result.ts';
import type { Ranking } from '../selection/ranking.ts';
import type { Setting } from './definition.ts';
import { formatCount, formatShape } from './figures.ts';
import type { ModelRecord } from './records.ts';

export interface ProvenanceView {
  readonly data: readonly Setting[];
  readonly machine: readonly Setting[];
  /** Of the engine that measured. */
  readonly notes: readonly string[];
  readonly unmeasured: readonly { readonly label: string; readonly reason: string }[];
}

export function buildProvenance(
  ranking: Ranking,
  benchmark: BenchmarkResult,
  records: readonly ModelRecord[],
): ProvenanceView {
  return {
    data: describeData(ranking, records),
    machine: describeMachine(benchmark, records),
    notes: benchmark.engine.notes,
    unmeasured: benchmark.unmeasured.flatMap(({ model, reason }) => {
      const record = records.find(({ candidate }) => candidate.model === model);
      return record === undefined ? [] : [{ label: record.label, reason }];
    }),
  };
}

function describeData({ data, otherData }: Ranking, records: readonly ModelRecord[]): Setting[] {
  const evaluation = records.find((record) => record.evaluation?.data.identity === data.identity)?.evaluation;
  const shapes = new Set(records.flatMap(({ evaluation: one }) => (one ? [formatShape(one.data.shape)] : [])));
  const known =
    evaluation === undefined || evaluation === null
      ? []
      : [
          { name: 'Classes', value: formatCount(evaluation.data.classes) },
          { name: 'Image shapes', value: [...shapes].sort().join(', ') },
          { name: 'Validation images', value: formatCount(evaluation.val.images) },
          { name: 'Test images', value: formatCount(evaluation.test.images) },
        ];
  return [
    { name: 'Data set', value: data.name },
    ...known,
    { name: 'Source digest', value: data.source },
    { name: 'Source and split digest', value: data.identity },
    { name: 'Models left out: other data', value: formatCount(otherData) },
  ];
}

function describeMachine({ host, engine }: BenchmarkResult, records: readonly ModelRecord[]): Setting[] {
  const training = new Set(
    records.flatMap(({ evaluation }) => (evaluation === null ? [] : [describeEngine(evaluation.history.engine)])),
  );
  const evaluating = new Set(
    records.flatMap(({ evaluation }) => (evaluation?.engine ? [describeEngine(evaluation.engine)] : [])),
  );
  return [
    { name: 'Processor', value: host.cpu },
    { name: 'Cores', value: String(host.cores) },
    { name: 'System', value: host.os },
    { name: 'Node.js', value: host.node },
    { name: 'Measured with', value: describeEngine(engine) },
    { name: 'Trained with', value: [...training].sort().join('; ') || '–' },
    { name: 'Evaluated with', value: [...evaluating].sort().join('; ') || '–' },
  ];
}
