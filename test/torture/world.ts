// A pipeline that can be changed, as data: what is written to the pipeline file and the parameter files, and the stages that must
// come of it, spelled out here a second time so that the oracle need not ask dagrun.

import { posix } from 'node:path';

/** What a change or an act is chosen by: plain data, so that a sequence of them can be shortened and replayed. */
export type Numbers = readonly [number, number, number];

export type Shape = 'file' | 'script' | 'bit' | 'flat' | 'metric' | 'big' | 'tree' | 'hollow' | 'kept';

export interface OutSketch {
  path: string;
  shape: Shape;
  cache: boolean;
}

export interface ParamSketch {
  readonly file: string;
  /** Null: the whole file. */
  readonly key: string | null;
}

/** A stage as written in the pipeline file, or one of a group spelled out. Paths are relative to the workspace. */
export interface Sketch {
  name: string;
  group: string;
  /** Greater than those of all stages that make what it reads. */
  readonly rank: number;
  version: string;
  relocatable: boolean;
  wdir: string;
  deps: string[];
  params: ParamSketch[];
  code: string | null;
  runs: string[];
  outs: OutSketch[];
  frozen: boolean;
  always: boolean;
}

export type Scalar = number | string | boolean | null;
export type ParamValue = Scalar | readonly Scalar[] | { readonly [key: string]: ParamValue };

export interface World {
  /** By a number that is never given again. */
  readonly stages: Map<number, Sketch>;
  /** `fit`, a group of relocatable stages over a map: names and values. */
  models: Record<string, number>;
  fitVersion: string;
  /** `grid`, a group over two lists. */
  grid: { left: number[]; right: string[] };
  /** By file, then by key. */
  readonly params: Record<string, Record<string, ParamValue>>;
  link: 'reflink' | 'copy' | 'hardlink' | 'symlink';
  next: number;
}

export const paramFiles = ['params.yaml', 'conf/more.json', 'third.toml'] as const;
export const codeFiles = ['code/a.mjs', 'code/b.mjs', 'code/c.mjs', 'code/d.mjs'] as const;
export const sources = ['src/a.txt', 'src/b.txt', 'src/c', 'data/x', 'data/sub/y', 'data/z', 'loose'] as const;
/** What a stage may depend on besides outs: files, folders, a pattern, links to a file and to a folder. */
export const inputs = [...sources, 'data', 'data/sub', 'src/*.txt', 'to-file', 'to-folder'] as const;

export function newWorld(): World {
  return {
    stages: new Map(),
    models: { m1: 1, m2: 2 },
    fitVersion: 'v0',
    grid: { left: [1, 2], right: ['x'] },
    params: {
      'params.yaml': { p0: 0, p1: 'one', p2: [1, 'two', null], nest: { a: 1, b: true } },
      'conf/more.json': { q0: 0, q1: '1' },
      'third.toml': { t0: 3, t1: 'three' },
    },
    link: 'copy',
    next: 0,
  };
}

/** Every stage that the pipeline consists of, each after those that it needs. */
export function spellOut(world: World): Sketch[] {
  const fits = Object.keys(world.models).map((key) =>
    sketch({
      name: `fit@${key}`,
      group: 'fit',
      rank: -2,
      version: world.fitVersion,
      relocatable: true,
      deps: ['src/a.txt'],
      params: [{ file: 'params.yaml', key: `models.${key}` }],
      outs: [{ path: `fits/${key}.json`, shape: 'metric', cache: true }],
    }),
  );
  const grids = world.grid.left.flatMap((left) =>
    world.grid.right.map((right) =>
      sketch({
        name: `grid@${left}-${right}`,
        group: 'grid',
        rank: -1,
        version: `${left}/${right}`,
        deps: ['loose'],
        outs: [{ path: `grids/${left}-${right}/tree`, shape: 'tree', cache: true }],
      }),
    ),
  );
  return [...fits, ...grids, ...[...world.stages.values()].sort((a, b) => a.rank - b.rank)];
}

export function sketch(given: Partial<Sketch> & Pick<Sketch, 'name' | 'rank'>): Sketch {
  return {
    group: given.name,
    version: 'v0',
    relocatable: false,
    wdir: '',
    deps: [],
    params: [],
    code: null,
    runs: [],
    outs: [],
    frozen: false,
    always: false,
    ...given,
  };
}

export function commandOf(stage: Sketch, version = stage.version): string {
  const shapes = stage.outs.map(({ shape }) => shape).join(' ');
  return `sh "$TORTURE_STEP" '${version}' ${stage.relocatable ? 'moved' : 'named'} ${stage.code ?? '-'} ${shapes}`;
}

/** Contents of the pipeline file and of the parameter files, by path. */
export function writeWorld(world: World): Record<string, string> {
  const stages: Record<string, unknown> = {};
  for (const stage of world.stages.values()) stages[stage.name] = writeStage(stage);
  const all = spellOut(world);
  const fit = all.find(({ group }) => group === 'fit');
  if (fit !== undefined) {
    stages['fit'] = {
      foreach: '${models}',
      do: {
        ...writeStage({ ...fit, params: [], outs: [] }),
        cmd: commandOf(fit),
        params: ['models.${key}'],
        metrics: ['fits/${key}.json'],
      },
    };
  }
  const grid = all.find(({ group }) => group === 'grid');
  if (grid !== undefined) {
    const cmd = commandOf(grid, '${item.left}/${item.right}');
    stages['grid'] = { matrix: world.grid, cmd, deps: grid.deps, outs: ['grids/${key}/tree'] };
  }
  const yaml = { ...world.params['params.yaml'], models: world.models };
  return {
    'pipeline.yaml': `${JSON.stringify({ cache: { dir: '../cache', link: world.link }, stages }, null, 1)}\n`,
    'params.yaml': `${JSON.stringify(yaml)}\n`,
    'conf/more.json': `${JSON.stringify(world.params['conf/more.json'])}\n`,
    'third.toml': writeToml(world.params['third.toml']!),
  };
}

function writeToml(values: Readonly<Record<string, ParamValue>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
}

function writeStage(stage: Sketch): Record<string, unknown> {
  const seen = (path: string): string => (stage.wdir === '' ? path : posix.relative(stage.wdir, path));
  const outs = stage.outs.map(({ path, shape, cache }) => ({ [seen(path)]: { cache, persist: shape === 'kept' } }));
  return {
    cmd: commandOf(stage),
    ...(stage.wdir === '' ? {} : { wdir: stage.wdir }),
    ...(stage.relocatable ? { relocatable: true } : {}),
    ...(stage.frozen ? { frozen: true } : {}),
    ...(stage.always ? { always_changed: true } : {}),
    ...(stage.code === null ? {} : { code: [seen(stage.code)] }),
    ...(stage.runs.length === 0 ? {} : { runs: stage.runs }),
    deps: stage.deps.map(seen),
    params: stage.params.map(({ file, key }) => ({ [seen(file)]: key === null ? null : [key] })),
    outs: outs.filter((_, index) => stage.outs[index]!.shape !== 'metric'),
    metrics: outs.filter((_, index) => stage.outs[index]!.shape === 'metric'),
  };
}

export function pick<T>(values: readonly T[], number: number): T {
  return values[number % values.length]!;
}
