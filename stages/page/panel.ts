// Everything about one model, as its part of the page shows it: text, tables, the two curves and the embedded images.

import type { ClassDetails } from '../evaluation/result.ts';
import { metricNames } from '../selection/ranking.ts';
import type { SelectionSettings } from '../selection/ranking.ts';
import { findConfusedPairs, findExtremes, packMatrix } from './confusion.ts';
import { describeLayers, describeTraining } from './definition.ts';
import type { LayerText, Setting } from './definition.ts';
import {
  formatCount,
  formatDecimal,
  formatInstant,
  formatLarge,
  formatSetting,
  formatShape,
  formatShare,
  metricStyles,
} from './figures.ts';
import type { ModelRecord } from './records.ts';
import { describeOrigin } from './table.ts';
import { buildTraining } from './training.ts';
import type { TrainingView } from './training.ts';
import { pickKeyFigures } from './verdict.ts';

export interface ConfusionView {
  readonly key: 'val' | 'test';
  readonly name: string;
  readonly packed: string;
  readonly pairs: readonly {
    readonly truth: string;
    readonly predicted: string;
    readonly count: string;
    readonly share: string;
  }[];
  readonly hardest: readonly { readonly name: string; readonly f1: string }[];
  readonly easiest: readonly { readonly name: string; readonly f1: string }[];
}

export interface PreviewView {
  /** Data URI; null where the image is gone. */
  readonly src: string | null;
  readonly correct: boolean;
  readonly truth: string;
  readonly predicted: string;
  readonly confidence: string;
  readonly alt: string;
}

export interface PanelView {
  readonly anchor: string;
  readonly label: string;
  readonly id: string;
  readonly names: string;
  readonly origin: string;
  readonly evaluatedAt: string;
  readonly rank: number | null;
  readonly winner: boolean;
  /** "stopped at epoch 2 of 20"; null: its training is finished. */
  readonly halted: string | null;
  readonly excluded: readonly string[];
  readonly keyFigures: readonly { readonly label: string; readonly value: string; readonly note: string }[];
  readonly figures: readonly {
    readonly label: string;
    readonly meaning: string;
    readonly validation: string;
    readonly test: string;
    readonly points: string;
  }[];
  readonly training: TrainingView | null;
  readonly classList: number | null;
  readonly confusion: readonly ConfusionView[];
  readonly preview: readonly PreviewView[];
  readonly previewNote: string;
  readonly settings: readonly Setting[];
  readonly architecture: string;
  readonly layers: readonly LayerText[];
  readonly costs: readonly (readonly string[])[];
  readonly costTotals: readonly string[];
}

const pairsShown = 10;
const extremesShown = 5;

export async function buildPanel(
  record: ModelRecord,
  context: {
    readonly settings: SelectionSettings;
    readonly winner: string | null;
    /** Which of the page's lists of classes it has; null where its details are gone. */
    readonly classList: number | null;
    readonly preview: readonly PreviewView[];
    readonly previewNote: string;
  },
): Promise<PanelView> {
  const { candidate, evaluation, details } = record;
  const definition = evaluation?.definition;
  return {
    anchor: record.anchor,
    label: record.label,
    id: candidate.id,
    names: candidate.names.join(', '),
    origin: describeOrigin(candidate),
    evaluatedAt: formatInstant(candidate.evaluatedAt),
    rank: candidate.rank,
    winner: candidate.id === context.winner,
    halted:
      candidate.halted === undefined ? null : `stopped at epoch ${candidate.halted.after} of ${candidate.halted.of}`,
    excluded: candidate.excluded,
    keyFigures: pickKeyFigures(candidate),
    figures: listFigures(record, context.settings),
    training: evaluation === null ? null : await buildTraining(evaluation.history),
    classList: context.classList,
    confusion: details === null ? [] : splitsShown.map((split) => buildConfusion(details, split)),
    preview: context.preview,
    previewNote: context.previewNote,
    settings: definition === undefined ? [] : describeTraining(definition),
    architecture: definition?.architecture.kind === 'backbone' ? definition.architecture.name : 'custom',
    layers: definition === undefined ? [] : (describeLayers(definition.architecture) ?? []),
    costs: (evaluation?.layers ?? []).map((layer) => [
      layer.name,
      layer.type,
      formatShape(layer.outputShape),
      formatCount(layer.parameters),
      formatLarge(layer.macs),
    ]),
    costTotals: [formatCount(evaluation?.complexity.parameters), formatLarge(evaluation?.complexity.macs)],
  };
}

function listFigures({ candidate }: ModelRecord, { weights }: SelectionSettings): PanelView['figures'] {
  return metricNames.map((metric) => {
    const { label, meaning, format } = metricStyles[metric];
    const [weight, normalised] = [weights[metric], candidate.normalised[metric]];
    const test = candidate.testFigures[metric];
    const counts = weight !== undefined && normalised !== undefined;
    return {
      label,
      meaning,
      validation: format(candidate.figures[metric]),
      test: test === undefined ? '' : format(test),
      points: counts ? `${formatDecimal(weight * normalised)} of ${formatSetting(weight)}` : '',
    };
  });
}

const splitsShown = ['test', 'val'] as const;

function buildConfusion({ classes, splits }: ClassDetails, key: 'val' | 'test'): ConfusionView {
  const split = splits[key];
  const rated = (list: readonly { readonly name: string; readonly f1: number }[]) =>
    list.map(({ name, f1 }) => ({ name, f1: formatShare(f1) }));
  const { hardest, easiest } = findExtremes(split, classes, extremesShown);
  return {
    key,
    name: key === 'val' ? 'Validation' : 'Test',
    packed: packMatrix(split.confusion),
    pairs: findConfusedPairs(split.confusion, classes, pairsShown).map((pair) => ({
      ...pair,
      count: formatCount(pair.count),
      share: formatShare(pair.share),
    })),
    hardest: rated(hardest),
    easiest: rated(easiest),
  };
}
