// What a model is: everything that decides what its training gives, in one canonical form. The `configure` stage makes one from params.yaml for
// each model; two models whose definitions are equal are the same model. Names, comments, spellings and defaults are gone by here.

export type Activation =
  'linear' | 'relu' | 'relu6' | 'elu' | 'selu' | 'gelu' | 'swish' | 'sigmoid' | 'tanh' | 'softmax' | 'leaky_relu';
export type Padding = 'valid' | 'same';
/** Height, width. */
export type Pair = readonly [number, number];

/** One operation of a branch. Sizes are in pixels, rates in (0, 1), `l2` is the factor of the penalty l2·Σw². */
export type Op =
  | {
      readonly op: 'conv';
      readonly filters: number;
      readonly kernelSize: Pair;
      readonly strides: Pair;
      readonly padding: Padding;
      readonly activation: Activation;
      readonly l2: number;
      readonly useBias: boolean;
    }
  | {
      readonly op: 'separable_conv';
      readonly filters: number;
      readonly kernelSize: Pair;
      readonly strides: Pair;
      readonly padding: Padding;
      readonly activation: Activation;
      readonly l2: number;
      readonly depthMultiplier: number;
    }
  | {
      readonly op: 'depthwise_conv';
      readonly kernelSize: Pair;
      readonly strides: Pair;
      readonly padding: Padding;
      readonly activation: Activation;
      readonly l2: number;
      readonly depthMultiplier: number;
    }
  | { readonly op: 'max_pool' | 'avg_pool'; readonly poolSize: Pair; readonly strides: Pair; readonly padding: Padding }
  | { readonly op: 'global_avg_pool' }
  | { readonly op: 'batch_norm'; readonly momentum: number; readonly epsilon: number }
  | { readonly op: 'layer_norm'; readonly epsilon: number }
  | { readonly op: 'dropout'; readonly rate: number }
  | { readonly op: 'flatten' }
  | { readonly op: 'activation'; readonly activation: Activation }
  | {
      readonly op: 'dense';
      readonly units: number;
      readonly activation: Activation;
      readonly l2: number;
      readonly useBias: boolean;
    }
  /** Adds what went into the op `over` places before this one in the same branch (a residual connection); `project`: through a 1×1 convolution that mends shape. */
  | { readonly op: 'add'; readonly over: number; readonly project: boolean }
  /** A Dense layer without activation: the logits. */
  | { readonly op: 'output'; readonly classes: number };

/** Branches start from one input; where there are several their ends are concatenated along the channels. */
export interface Layer {
  readonly branches: readonly (readonly Op[])[];
}

export const backbones = ['EfficientNetB0', 'EfficientNetB1', 'MobileNet', 'NASNetMobile', 'ResNet50'] as const;
export type Backbone = (typeof backbones)[number];

/** What of a backbone is frozen: its first so many layers (0: nothing), or all of it. The head never is. */
export type Frozen = 'all' | number;

/**
 * The weights that a backbone starts with: those that Keras publishes, trained on ImageNet, or those of a file. A file is known by its content,
 * not by its name; the digest is null where there is no such file yet.
 */
export type PretrainedWeights =
  { readonly kind: 'imagenet' } | { readonly kind: 'file'; readonly sha256: string | null };

export interface FineTuning {
  /** Epochs that are trained before it begins. */
  readonly after: number;
  readonly frozen: Frozen;
  readonly lr: number;
}

export interface BackboneArchitecture {
  readonly kind: 'backbone';
  readonly name: Backbone;
  readonly classes: number;
  /** null: random ones, it is trained from scratch. */
  readonly weights: PretrainedWeights | null;
  readonly frozen: Frozen;
  readonly fineTuning: FineTuning | null;
  /** What images are enlarged to before the backbone, in the model itself: a whole multiple of their size; null: they are not. */
  readonly inputSize: Pair | null;
}

export type Architecture = { readonly kind: 'custom'; readonly layers: readonly Layer[] } | BackboneArchitecture;

export type Optimizer =
  | { readonly kind: 'adam' | 'adamw'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean };

/** The learning rate over the steps of a training; `warmup` epochs rise linearly to `lr` first. */
export type Schedule =
  | { readonly kind: 'constant'; readonly warmup: number }
  | { readonly kind: 'cosine'; readonly warmup: number; /** Fraction of `lr` at the end. */ readonly final: number }
  | { readonly kind: 'step'; readonly warmup: number; /** In epochs. */ readonly every: number; readonly gamma: number }
  | {
      readonly kind: 'one_cycle';
      /** Fraction of all steps that rise. */ readonly rise: number;
      readonly start: number;
      readonly final: number;
    };

export interface Augmentation {
  /** Mirror left–right with probability ½. */
  readonly flip: boolean;
  /** Pixels of zero padding on each side before a random crop to the old size; 0: none. */
  readonly padCrop: number;
  /** Side of a square filled with the mean colour, in pixels; 0: none. */
  readonly cutout: number;
}

export type Monitor = 'val_loss' | 'val_acc';

export interface EarlyStopping {
  readonly monitor: Monitor;
  /** Epochs without an improvement of more than `minDelta` after which training ends. */
  readonly patience: number;
  readonly minDelta: number;
}

export type EngineChoice = 'auto' | 'node-gpu' | 'node' | 'webgpu' | 'wasm';

export interface TrainSettings {
  readonly seed: number;
  readonly lr: number;
  readonly epochs: number;
  /** Images a step. */
  readonly batch: number;
  /** Parts that a batch is cut into, each of which goes through the model on its own; their gradients are averaged. At most `batch`. */
  readonly shards: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Decoupled weight decay: each step takes lr·weightDecay of every kernel away (not of biases or normalisation). */
  readonly weightDecay: number;
  /** In [0, 1). */
  readonly labelSmoothing: number;
  readonly augment: Augmentation;
  readonly earlyStopping: EarlyStopping | null;
  /** Largest global norm of the gradient; null: unbounded. */
  readonly gradClip: number | null;
  /** Which weights are kept: those of the best epoch by this figure, or the last ones. */
  readonly keep: Monitor | 'last';
  readonly engine: EngineChoice;
}

export interface PrepareSettings {
  readonly seed: number;
  /** Part of the train set that becomes the validation set, in (0, 1). */
  readonly split: number;
  /** Height, width, in pixels. */
  readonly imageSize: Pair;
  readonly grayscale: boolean;
}

/** Content of `artifacts/definitions/<model>.json`. */
export interface ModelDefinition {
  readonly version: 1;
  readonly prepare: PrepareSettings;
  readonly train: TrainSettings;
  readonly architecture: Architecture;
}

/** The `halving` key of params.yaml. */
export interface HalvingSettings {
  /** The epochs after which models are compared, as many as halving.yaml has rounds. */
  readonly rounds: readonly [number, number];
  /** One model of so many goes on. */
  readonly factor: number;
}

/** What is to be trained of a model: all of it, or so many epochs, because others were better by then. */
export interface TrainingPlan extends ModelDefinition {
  readonly stopAfter?: number;
}

/** Content of `artifacts/datasets.json`: which data set each model needs, by what decides its content. */
export interface DatasetPlan {
  readonly version: 1;
  /** Settings by id (a digest of the settings). */
  readonly variants: Readonly<Record<string, PrepareSettings>>;
  /** Id by model name. */
  readonly models: Readonly<Record<string, string>>;
}

/** Where the images come from: the `data` key of params.yaml. */
export type DataSource =
  | {
      readonly kind: 'synthetic';
      readonly seed: number;
      /** Images of each class in the train and in the test set. */ readonly train: number;
      readonly test: number;
    }
  | {
      readonly kind: 'cifar-10' | 'cifar-100';
      /** A .tar.gz, or a folder with the .bin files: a path (relative to the root of the project) or an http(s) URL. */
      readonly from: string;
      /** `sha256:<hex>` or `md5:<hex>` of the archive; null for a folder. */
      readonly checksum: string | null;
    }
  /** A folder of images in data/raw: `<path>/<class>/<image>`, or `<path>/{train,test}/<class>/<image>`. */
  | {
      readonly kind: 'images';
      readonly path: string;
      /** Part that becomes the test set where the folder has none. */ readonly testSplit: number;
      readonly seed: number;
    };

/** Content of `artifacts/weights/<model>.json`: which file the backbone of a model starts from, and where to have it from. */
export interface WeightsPlan {
  readonly version: 1;
  /** null: none. */
  readonly weights: WeightsOrigin | null;
}

/** Checksums are `sha256:<hex>` or `md5:<hex>`; null where none is known. */
export type WeightsOrigin =
  | {
      readonly kind: 'imagenet';
      readonly backbone: Backbone;
      readonly url: string;
      /** The official name: under it the file may lie in data/raw. */
      readonly fileName: string;
      readonly checksum: string | null;
    }
  | {
      readonly kind: 'file';
      /** Relative to the root of the project, in data/raw. */ readonly path: string;
      readonly checksum: string | null;
    };
