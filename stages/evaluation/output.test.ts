import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { thinHistory } from './evaluation.ts';
import { definitionOf, historyOf, originalModel1, temporaryFolder } from './fixture.ts';
import { writeSummary } from './output.ts';
import type { Evaluation, LayerCost, SplitFigures } from './result.ts';

const third = 1 / 3;
const figures: SplitFigures = {
  images: 10_000,
  loss: third,
  accuracy: third,
  top5: third,
  precision: third,
  recall: third,
  f1: third,
  fpr: third,
  ece: third,
};

function evaluationOf(epochs: number, layers: number): Evaluation {
  const layer = (index: number): LayerCost => ({
    name: `separable_conv_${index}`,
    type: 'SeparableConv2D',
    outputShape: [128, 128, 512],
    parameters: 1_234_567,
    macs: 123_456_789,
  });
  return {
    version: 1,
    definitionDigest: '0123456789abcdef',
    definition: definitionOf(originalModel1),
    data: { name: 'CIFAR-100', identity: 'a', source: 'b', shape: [32, 32, 3], classes: 100 },
    val: figures,
    test: figures,
    complexity: { parameters: 1, trainable: 1, macs: 1, bytes: 1 },
    layers: Array.from({ length: layers }, (_, index) => layer(index)),
    history: historyOf(epochs),
  };
}

describe('writeSummary', () => {
  it('stays below 300 kB with 200 epochs of a deep network', () => {
    const file = join(temporaryFolder(), 'evaluation.json');
    const evaluation = evaluationOf(200, 300);
    writeSummary(file, evaluation);
    expect(statSync(file).size).toBeLessThan(300_000);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(evaluation);
    expect(readFileSync(file, 'utf8')).toContain('\n  "complexity": {\n');
  });

  it('writes what is larger in one line', () => {
    const file = join(temporaryFolder(), 'evaluation.json');
    const evaluation = evaluationOf(1500, 20);
    writeSummary(file, evaluation);
    const text = readFileSync(file, 'utf8');
    expect(text.trimEnd()).not.toContain('\n');
    expect(JSON.parse(text)).toEqual(evaluation);
  });
});

describe('thinHistory', () => {
  it('leaves 1000 epochs and fewer as they are', () => {
    expect(thinHistory(historyOf(1000), 1000)).toEqual(historyOf(1000));
  });

  it('keeps the first, the last and the best epoch of a long one', () => {
    const { epochs } = thinHistory({ ...historyOf(25), keptEpoch: 18 }, 10);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 4, 7, 10, 13, 16, 18, 19, 22, 25]);
  });
});
