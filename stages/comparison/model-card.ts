// The paper that goes with a model: what it is, how it was trained, what it can do, and how to use it. Facts only, from its evaluation and the ranking.

import { describeBackbone } from '../config/backbone-words.ts';
import type { ModelDefinition, Schedule } from '../config/definition.ts';
import { describeEngine } from '../engine/engine.ts';
import type { Evaluation, SplitFigures } from '../evaluation/result.ts';
import { formatFigure, formatNumber } from '../selection/metric.ts';
import type { Candidate, MetricName, Ranking } from '../selection/ranking.ts';

export interface ModelCardInput {
  readonly winner: Candidate;
  readonly evaluation: Evaluation;
  readonly ranking: Ranking;
  /** Whether classes.json lies beside the card. */
  readonly hasClasses: boolean;
}

/** The card in Markdown. */
export function writeModelCard(input: ModelCardInput): string {
  const { winner, evaluation, ranking } = input;
  const { data, complexity } = evaluation;
  const name = winner.names.join(' = ');
  return [
    `# ${name}`,
    `An image classifier for ${data.classes} classes (${data.name}), chosen by \`evaluation_metrics.yaml\` from ${countModels(ranking)}.`,
    '## Why this one',
    ranking.verdict.map((sentence) => `- ${sentence}`).join('\n'),
    ...(ranking.warnings.length === 0 ? [] : ['Mind:', ranking.warnings.map((warning) => `- ${warning}`).join('\n')]),
    '## What it is',
    table([
      ['id', `\`${winner.id}\``],
      ['input', `${data.shape.join(' × ')} pixels (height × width × channels), values 0–255`],
      ['output', `${data.classes} logits`],
      ['architecture', describeArchitecture(evaluation.definition)],
      [
        'parameters',
        `${formatFigure('complexity', complexity.parameters, { bare: true })} (${formatFigure('complexity', complexity.trainable, { bare: true })} trainable)`,
      ],
      ['multiply–accumulates', formatFigure('macs', complexity.macs)],
      ['files', formatFigure('model_bytes', complexity.bytes)],
    ]),
    'The complete definition is in `definition.json`, layers and their costs are in `evaluation.json`.',
    '## How well it does',
    writeFigures(evaluation),
    writeTimes(winner),
    '## How it was trained',
    table(describeTraining(evaluation)),
    '## How to use it',
    writeUsage(input),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function countModels({ candidates }: Ranking): string {
  return candidates.length === 1 ? 'one evaluated model' : `${candidates.length} evaluated models`;
}

function describeArchitecture({ architecture }: ModelDefinition): string {
  if (architecture.kind === 'backbone') return architecture.name;
  const ops = architecture.layers.map(({ branches }) =>
    branches.map((branch) => branch.map(({ op }) => op).join(', ')).join(' ‖ '),
  );
  return ops.join(' → ');
}

const splitRows: readonly (readonly [MetricName, string, keyof SplitFigures])[] = [
  ['val_acc', 'accuracy', 'accuracy'],
  ['top5', 'top-5 accuracy', 'top5'],
  ['val_loss', 'cross-entropy', 'loss'],
  ['precision', 'precision (macro)', 'precision'],
  ['recall', 'recall (macro)', 'recall'],
  ['f1_score', 'F1 (macro)', 'f1'],
  ['fpr', 'false positive rate (macro)', 'fpr'],
  ['ece', 'calibration error (15 bins)', 'ece'],
];

function writeFigures({ val, test }: Evaluation): string {
  const cell = (metric: MetricName, value: number | null): string =>
    value === null ? '–' : formatFigure(metric, value);
  const rows = splitRows.map(([metric, label, key]) => [label, cell(metric, val[key]), cell(metric, test[key])]);
  const head = ['', `validation (${images(val)})`, `test (${images(test)})`];
  return `${tableOf(head, rows)}\n\nThe choice was made by the validation figures; the test figures were not looked at.`;
}

function images({ images: count }: SplitFigures): string {
  return `${formatFigure('complexity', count, { bare: true })} images`;
}

function writeTimes({ figures }: Candidate): string {
  const { mean_predictions_time: mean, latency_p50: p50, latency_p95: p95 } = figures;
  if (mean === null || p50 === null || p95 === null) return 'Its speed was not measured.';
  const [many, median, slow] = [mean, p50, p95].map((time) => `${formatNumber(time)} ms`);
  return `On the machine that compared the models, an image takes ${median!} alone (median; 95th percentile ${slow!}) and ${many!} in a large batch.`;
}

function describeTraining({ definition, history, data }: Evaluation): readonly (readonly [string, string])[] {
  const { train, prepare } = definition;
  const { flip, padCrop, cutout } = train.augment;
  const augment = [flip ? 'flip' : '', padCrop > 0 ? `pad-crop ${padCrop}` : '', cutout > 0 ? `cutout ${cutout}` : ''];
  const epochs = `${history.epochs.length} of ${train.epochs}${history.stoppedEarly ? ', stopped early' : ''}; weights of epoch ${history.keptEpoch}`;
  const backbone = definition.architecture.kind === 'backbone' ? describeBackbone(definition.architecture) : [];
  return [
    ...backbone.map(({ name, value }) => [name.toLowerCase(), value] as const),
    ...(history.pretrained === undefined ? [] : [['weights file', `sha256 \`${history.pretrained}\``] as const]),
    ['data', `${data.name}, source \`${data.source}\`, split \`${data.identity}\``],
    ['validation split', `${formatFigure('val_acc', prepare.split)} of the train set, seed ${prepare.seed}`],
    ['image size', `${prepare.imageSize.join(' × ')}${prepare.grayscale ? ', grayscale' : ''}`],
    ['epochs', epochs],
    ['batch', String(train.batch)],
    ['shards', String(train.shards)],
    ['optimizer', `${train.optimizer.kind}, learning rate ${train.lr} (${describeSchedule(train.schedule)})`],
    ['weight decay', String(train.weightDecay)],
    ['label smoothing', String(train.labelSmoothing)],
    ['gradient clipping', train.gradClip === null ? 'none' : `global norm ${train.gradClip}`],
    ['augmentation', augment.filter((part) => part !== '').join(', ') || 'none'],
    ['seed', String(train.seed)],
    ['engine', describeEngine(history.engine)],
    ['seconds', formatNumber(history.seconds)],
  ];
}

function describeSchedule(schedule: Schedule): string {
  if (schedule.kind === 'one_cycle') return 'one-cycle';
  return `${schedule.kind}${schedule.warmup > 0 ? `, warm-up of ${schedule.warmup} ${schedule.warmup === 1 ? 'epoch' : 'epochs'}` : ''}`;
}

function writeUsage({ evaluation, hasClasses }: ModelCardInput): string {
  const [height, width, channels] = evaluation.data.shape;
  const names = hasClasses
    ? 'The names of the outputs, in their order, are in `classes.json`.'
    : 'The names of the outputs are no longer in the cache: they are the classes of the data set, in its order.';
  return `It is a TensorFlow.js layers model of standard layers; the scaling of the pixels is part of it.

\`\`\`js
import * as tf from '@tensorflow/tfjs';

const model = await tf.loadLayersModel('model.json'); // a URL; with tfjs-node: 'file://…/model.json'
const images = tf.tensor4d(pixels, [count, ${height}, ${width}, ${channels}], 'float32'); // raw values from 0 to 255
const probabilities = tf.softmax(model.predict(images));
const classes = await probabilities.argMax(-1).data();
\`\`\`

${names}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  return tableOf(['', ''], rows);
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
