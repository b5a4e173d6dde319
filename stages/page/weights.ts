// The client's weights and limits, as the page lists them.

import { metricNames } from '../selection/ranking.ts';
import type { Direction, MetricName, SelectionSettings } from '../selection/ranking.ts';
import { metricStyles } from './figures.ts';

/** The metrics that count, in the order of the report. */
export function weightedMetrics({
  weights,
}: SelectionSettings): { readonly metric: MetricName; readonly weight: number }[] {
  return metricNames.flatMap((metric) => {
    const weight = weights[metric];
    return weight === undefined ? [] : [{ metric, weight }];
  });
}

export interface CriterionView {
  readonly label: string;
  readonly key: MetricName;
  readonly meaning: string;
  readonly weight: string;
  readonly direction: Direction;
  readonly limit: string;
}

/** Every metric that has a weight or a limit. */
export function describeCriteria(settings: SelectionSettings): CriterionView[] {
  return metricNames.flatMap((metric) => {
    const weight = settings.weights[metric];
    const limit = settings.constraints[metric];
    if (weight === undefined && limit === undefined) return [];
    const { label, meaning, format } = metricStyles[metric];
    const limits = [
      limit?.min === undefined ? '' : `at least ${format(limit.min)}`,
      limit?.max === undefined ? '' : `at most ${format(limit.max)}`,
    ];
    return [
      {
        label,
        key: metric,
        meaning,
        weight: weight === undefined ? '–' : String(weight),
        direction: settings.directions[metric],
        limit: limits.filter((text) => text !== '').join(', ') || '–',
      },
    ];
  });
}

/** What becomes of a figure before it is weighed. */
export function describeNormalisation({ normalisation }: SelectionSettings): string {
  switch (normalisation) {
    case 'ratio':
      return 'each figure divided by the best one (or the best one by it, where less is better)';
    case 'min-max':
      return 'the worst figure counts 0, the best one 1, the others in proportion between them';
    case 'rank':
      return 'only the order of the figures counts, from 0 for the last to 1 for the first';
  }
}
