import { describe, expect, it } from '@jest/globals';
import type { Candidate, SelectionSettings } from './ranking.ts';
import { selectBest } from './select.ts';
import { candidateOf, settingsOf } from './testing.ts';

function verdictOf(candidates: readonly Candidate[], settings: SelectionSettings): readonly string[] {
  const data = { name: 'synthetic', source: 's', identity: 'i' };
  return selectBest({ candidates, settings, data, otherData: 0, warnings: [] }).verdict;
}

const client = settingsOf({ val_acc: 2, complexity: 1, mean_predictions_time: 5 });
const compact = candidateOf(
  'compact',
  { val_acc: 0.25, complexity: 30_000, mean_predictions_time: 0.2 },
  { testFigures: { val_acc: 0.241, f1_score: 0.23 } },
);
const residual = candidateOf('residual', { val_acc: 0.5, complexity: 120_000, mean_predictions_time: 0.25 });
const beaten = candidateOf('beaten', { val_acc: 0.2, complexity: 200_000, mean_predictions_time: 0.8 });

describe('the verdict', () => {
  it('says who won, with which figures, how far the next one is, how firm that is, and who cannot win', () => {
    // compact: 2·0.5 + 1 + 5 = 7; residual: 2 + 0.25 + 5·0.8 = 6.25
    expect(verdictOf([residual, beaten, compact], client)).toEqual([
      '"compact" is the best of 3 models for these weights: 7.00 of 8 possible points.',
      'Its figures: validation accuracy 25.0% (2nd of 3; weight 2), 30,000 parameters (best of 3; weight 1) and prediction time 0.200 ms/image (best of 3; weight 5).',
      '"residual" is next, 0.75 points (12%) behind: "compact" gains 1.00 by prediction time and 0.75 by number of parameters and loses 1.00 by validation accuracy.',
      'The choice is firm: it stays the same with any one weight 20% smaller or larger. "residual" would win if val_acc weighed more than 3.5 instead of 2 or mean_predictions_time weighed less than 1.25 instead of 5.',
      'On the test images, which the choice does not look at, it reaches an accuracy of 24.1% and an F1 score of 23.0%.',
      'No other weights of these metrics would make "beaten" the best: another model is at least as good in everything that counts, and better in something. The trade-off is between 2: "compact" and "residual".',
    ]);
  });

  it('says that the choice is close where a fifth of a weight turns it', () => {
    const close = settingsOf({ val_acc: 3.2, complexity: 1, mean_predictions_time: 5 });
    expect(verdictOf([residual, compact], close)[3]).toBe(
      'The choice is close: a weight changed by 20% makes another model win ("residual" with the weight of val_acc 20% larger ' +
        'and "residual" with the weight of mean_predictions_time 20% smaller). ' +
        '"residual" would win if val_acc weighed more than 3.5 instead of 3.2, mean_predictions_time weighed less than 4.25 instead of 5 or complexity weighed less than 0.8 instead of 1.',
    );
  });

  it('says what decided between equal scores', () => {
    const settings = settingsOf({ val_acc: 1 });
    const [a, b] = [
      candidateOf('a', { val_acc: 0.3, complexity: 5 }),
      candidateOf('b', { val_acc: 0.3, complexity: 4 }),
    ];
    expect(verdictOf([a, b], settings)[2]).toBe(
      '"a" has the same score. "b" stands first because all that counts is equal and it has fewer parameters.',
    );
    expect(verdictOf([a, { ...a, id: 'c', names: ['c'] }], settings)[2]).toMatch(
      /the one with the smaller id is taken/,
    );
    const ranked = settingsOf({ val_acc: 1, complexity: 1 }, { normalisation: 'rank' });
    const verdict = verdictOf(
      [candidateOf('small', { val_acc: 0.2, complexity: 1 }), candidateOf('good', { val_acc: 0.3, complexity: 2 })],
      ranked,
    );
    expect(verdict[2]).toBe(
      '"small" has the same score. "good" stands first because it is better by validation accuracy (30.0% against 20.0%), the weightiest metric on which they differ.',
    );
    expect(verdict[3]).toMatch(
      /"small" would win if val_acc weighed less than now or complexity weighed more than now\.$/,
    );
  });

  it('claims nothing of metrics that do not count', () => {
    // "slow" would win if accuracy counted, which it does not.
    const settings = settingsOf({ complexity: 1 });
    const [fast, slow] = [
      candidateOf('fast', { val_acc: 0.2, complexity: 4 }),
      candidateOf('slow', { val_acc: 0.9, complexity: 5 }),
    ];
    const sentences = verdictOf([fast, slow], settings);
    expect(sentences.join(' ')).not.toMatch(/No weights|No other weights|No change of a single weight/);
    expect(sentences[3]).toMatch(/No change of a single one of these weights makes another model win\.$/);
  });

  it('says of equal figures that they are equal, and calls no tie a firm choice', () => {
    const settings = settingsOf({ val_acc: 1, complexity: 1 });
    const twins = ['a', 'b'].map((name) => candidateOf(name, { val_acc: 0.3, complexity: 4 }));
    const [, figures, distance, firmness] = verdictOf(twins, settings);
    expect(figures).toBe(
      'Its figures: validation accuracy 30.0% (the same for both; weight 1) and 4 parameters (the same for both; weight 1).',
    );
    expect(distance).toContain('has the same score');
    expect(firmness).toBe(
      'No single weight made 20% smaller or larger changes that. No change of a single one of these weights makes another model win.',
    );
    const third = candidateOf('c', { val_acc: 0.3, complexity: 8 });
    const fourth = candidateOf('d', { val_acc: 0.1, complexity: 9 });
    expect(verdictOf([twins[0]!, third, fourth], settings)[1]).toBe(
      'Its figures: validation accuracy 30.0% (joint best of 3; weight 1) and 4 parameters (best of 3; weight 1).',
    );
  });

  it('says that there was no comparison', () => {
    expect(verdictOf([compact], client)[0]).toBe(
      '"compact" is the only evaluated model, so it is chosen without a comparison.',
    );
    expect(verdictOf([compact, candidateOf('x', {})], client)[0]).toMatch(
      /^"compact" is the only model that takes part/,
    );
  });

  it('says that the winner is one of the past', () => {
    expect(verdictOf([{ ...compact, origin: 'history' }, residual], client)[0]).toMatch(/It comes from an earlier run/);
  });

  it('names those that take no part, with figure and limit', () => {
    const limited = settingsOf(client.weights, { constraints: { complexity: { max: 100_000 } } });
    expect(
      verdictOf([compact, residual, candidateOf('untimed', { val_acc: 0.3, complexity: 1 })], limited).at(-1),
    ).toBe(
      '2 models take no part: "residual" (complexity 120,000 parameters is above the maximum of 100,000 parameters) and "untimed" (mean_predictions_time is not known).',
    );
    const many = Array.from({ length: 6 }, (_, index) => candidateOf(`x${index}`, {}));
    expect(verdictOf([compact, ...many], settingsOf({ val_acc: 1 })).at(-1)).toMatch(
      /^6 models take no part: .*"x2" \([^)]*\) and 3 more\.$/,
    );
  });

  it('says what to relax, and by how much, where nobody is left', () => {
    const strict = settingsOf(client.weights, { constraints: { complexity: { max: 20_000 }, val_acc: { min: 0.2 } } });
    expect(verdictOf([compact, residual], strict).slice(0, 2)).toEqual([
      'No model can be chosen: all 2 models are excluded.',
      'The least change that lets one take part ("compact"): under `constraints`, `complexity: {max: 30000}` instead of 20000 (+50%).',
    ]);
    expect(verdictOf([candidateOf('x', {})], client)[1]).toMatch(
      /figures are missing: leave the metrics without figures out/,
    );
    expect(verdictOf([], client)).toEqual(['There is no model to choose from: none has been evaluated on this data.']);
  });
});
