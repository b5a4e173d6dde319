// The formats of data between stages: a downloaded source (`data/source/`) and a prepared data set (`data/prepared/<model>/`). Shapes are height, width, channels.

/** Content of `data/source/source.json`. */
export type SourceManifest =
  /** `train.bin` and `test.bin` hold records of `labelBytes` label bytes (the last one is the class) and 3·32·32 pixel bytes: red, green, blue planes. */
  | { readonly version: 1; readonly kind: 'cifar'; readonly name: string; readonly labelBytes: 1 | 2; readonly classes: readonly string[]; readonly digest: string }
  | { readonly version: 1; readonly kind: 'images'; readonly name: string; /** Relative to the root of the project. */ readonly path: string; readonly testSplit: number; readonly seed: number };

export const splitNames = ['train', 'val', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

export interface SplitManifest {
  readonly count: number;
  /** File of uint8 pixels, [count, height, width, channels] in row-major order. */
  readonly images: string;
  /** File of uint16 little-endian class indices, [count]. */
  readonly labels: string;
  /** XXH64 (hex) of the two files' bytes, one after the other. */
  readonly digest: string;
}

/** Content of `manifest.json` in a prepared data set. */
export interface DatasetManifest {
  readonly version: 1;
  /** "CIFAR-100", "synthetic", … */
  readonly name: string;
  readonly classes: readonly string[];
  readonly shape: readonly [number, number, number];
  readonly splits: Readonly<Record<SplitName, SplitManifest>>;
  /** Of the train split, a value a channel, of pixels divided by 255. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Equal where two data sets come from the same images in the same roles, however they were scaled: their models may be compared. Digest of source, split and seed. */
  readonly identity: string;
  /** Equal where the source is the same, whatever the split. */
  readonly source: string;
  readonly split: { readonly seed: number; readonly fraction: number };
}

/** Content of `data/prepared.json`: which data set each model of this run has. */
export interface DatasetIndex {
  readonly version: 1;
  readonly models: Readonly<Record<string, Pick<DatasetManifest, 'name' | 'identity' | 'source'>>>;
}
