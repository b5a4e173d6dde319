// What is known of one trained model: content of `artifacts/<model>/evaluation.json`, which is the metrics file that the history of `evaluate` keeps,
// and so has all that comparing and reporting need of a model whose files are long gone. Must stay far below 1 MiB.

import type { ModelDefinition } from '../config/definition.ts';
import type { EngineInfo } from '../engine/engine.ts';
import type { TrainingHistory } from '../training/result.ts';

/** Figures on one split. Rates are fractions of 1. */
export interface SplitFigures {
  readonly images: number;
  /** Mean categorical cross-entropy, in nats. */
  readonly loss: number;
  readonly accuracy: number;
  readonly top5: number;
  /** Macro means over the classes that the split has. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Macro mean of FP / (FP + TN). */
  readonly fpr: number;
  /** Expected calibration error over 15 equal bins of confidence (Guo et al. 2017). */
  readonly ece: number;
}

export interface LayerCost {
  readonly name: string;
  readonly type: string;
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Multiply–accumulates for one image. */
  readonly macs: number;
}

export interface Evaluation {
  readonly version: 1;
  /** Digest of the definition: equal for two names of one model. */
  readonly definitionDigest: string;
  readonly definition: ModelDefinition;
  readonly data: {
    readonly name: string;
    readonly identity: string;
    readonly source: string;
    readonly shape: readonly [number, number, number];
    readonly classes: number;
  };
  readonly val: SplitFigures;
  readonly test: SplitFigures;
  readonly complexity: {
    /** All weights, trainable or not, as Keras counts them. */
    readonly parameters: number;
    readonly trainable: number;
    readonly macs: number;
    /** Of model.json and the weights. */
    readonly bytes: number;
  };
  readonly layers: readonly LayerCost[];
  readonly history: TrainingHistory;
  /** What predicted; older records do not say. */
  readonly engine?: EngineInfo;
}

/** Content of `classes.json` in `artifacts/<model>/evaluation/`: the details, by split. Arrays are in class order. */
export interface ClassDetails {
  readonly version: 1;
  readonly classes: readonly string[];
  readonly splits: Readonly<
    Record<
      'val' | 'test',
      {
        readonly confusion: readonly (readonly number[])[];
        readonly precision: readonly number[];
        readonly recall: readonly number[];
        readonly f1: readonly number[];
        readonly support: readonly number[];
        /** Per bin: images, mean confidence, accuracy. */ readonly calibration: readonly (readonly [
          number,
          number,
          number,
        ])[];
      }
    >
  >;
}

/** Content of `preview.json`: some test images with what the model says. The images lie beside it as PNG files. */
export interface Preview {
  readonly version: 1;
  readonly images: readonly {
    readonly file: string;
    readonly truth: string;
    readonly predicted: string;
    /** Of the predicted class. */ readonly confidence: number;
    readonly correct: boolean;
  }[];
}
