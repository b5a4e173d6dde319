// Changes of the pipeline itself.

import { posix } from 'node:path';
import { codeFiles, inputs, paramFiles, pick, sketch, spellOut } from './world.ts';
import type { Numbers, ParamSketch, Shape, Sketch, World } from './world.ts';

export const stageChanges: Readonly<Record<string, (world: World, numbers: Numbers) => void>> = {
  'add a stage': (world, numbers) => addStage(world, numbers),
  'add two stages': (world, [a, b, c]) => {
    addStage(world, [a, b, c]);
    addStage(world, [b, c, a]);
  },
  'remove a stage': (world, [a]) => {
    const id = pickId(world, a);
    if (id !== undefined) world.stages.delete(id);
    dropDangling(world);
  },
  'change a command': (world, [a, b]) => withStage(world, a, (stage) => (stage.version = pick(versions, b))),
  'rename a stage': (world, [a]) =>
    withStage(world, a, (stage) => {
      const before = stage.name;
      stage.name = before.endsWith('r') ? before.slice(0, -1) : `${before}r`;
      stage.group = stage.name;
    }),
  'move an out': (world, [a, b]) =>
    withStage(world, a, (stage) => {
      const out = stage.outs[b % Math.max(stage.outs.length, 1)];
      if (out === undefined) return;
      const before = out.path;
      out.path = before.startsWith('moved/') ? before.slice(6) : `moved/${before}`;
      for (const other of world.stages.values())
        other.deps = other.deps.map((dep) => (dep === before ? out.path : dep));
      dropDangling(world);
    }),
  'swap outs': (world, [a]) =>
    withStage(world, a, (stage) => {
      const [first, second] = stage.outs;
      if (first === undefined || second === undefined || second.shape === 'metric') return;
      // Where paths count their order does not, so that a command must not tell them apart by it.
      if (!stage.relocatable) stage.outs.reverse();
      else [first.path, second.path] = [second.path, first.path];
    }),
  'add or remove a dep': (world, [a, b]) =>
    withStage(world, a, (stage) => {
      const dep = pick(available(world, stage.rank), b);
      if (stage.deps.includes(dep)) stage.deps = stage.deps.filter((other) => other !== dep);
      else stage.deps.push(dep);
    }),
  'reverse deps': (world, [a]) => withStage(world, a, (stage) => (stage.deps = stage.deps.toReversed())),
  'always changed': (world, [a]) => withStage(world, a, (stage) => (stage.always = !stage.always)),
  'working folder': (world, [a]) => withStage(world, a, (stage) => (stage.wdir = stage.wdir === '' ? 'work' : '')),
  'relocatable or not': (world, [a]) =>
    withStage(world, a, (stage) => {
      if (stage.runs.length === 0) stage.relocatable = !stage.relocatable;
    }),
  'other models': (world, [a, b]) => {
    const names = Object.keys(world.models);
    if (a % 4 === 0) world.models[`m${b % 4}`] = b % 3;
    else if (a % 4 === 1 && names.length > 1)
      world.models = Object.fromEntries(Object.entries(world.models).filter(([name]) => name !== pick(names, b)));
    else if (a % 4 === 2) world.models = Object.fromEntries(Object.entries(world.models).reverse());
    else
      world.models = Object.fromEntries(
        Object.entries(world.models).map(([name, value]) => [name.startsWith('n') ? name.slice(1) : `n${name}`, value]),
      );
  },
  'change fit': (world, [a]) => (world.fitVersion = pick(versions, a)),
  'other grid': (world, [a, b]) => {
    world.grid = { left: pick([[1], [1, 2], [2, 1], [3]], a), right: pick([['x'], ['x', 'y'], ['z']], b) };
  },
  'other links': (world, [a]) => (world.link = pick(['reflink', 'copy', 'hardlink', 'symlink'], a)),
};

const versions = ['v0', 'v1', 'v2', 'v3 slow', 'v4 fail'];
const shapes: readonly Shape[] = ['file', 'script', 'bit', 'flat', 'metric', 'big', 'tree', 'tree', 'hollow', 'kept'];

function addStage(world: World, [a, b, c]: Numbers): void {
  if (world.stages.size >= 9) return;
  const id = world.next++;
  const deps = [...available(world, id)].filter((_, index) =>
    [a % 5, b % 11, c % 17, (a + c) % 23].includes(index % 24),
  );
  const allParams: ParamSketch[] = paramFiles.flatMap((file) => [
    { file, key: null },
    ...Object.keys(world.params[file]!)
      .filter((key) => key !== 'extra')
      .map((key) => ({ file, key })),
  ]);
  const params = b % 3 === 0 ? [pick([...allParams, { file: 'params.yaml', key: 'nest.a' }], a)] : [];
  const count = c % 7 === 0 ? 0 : 1 + (c % 2);
  const folder = pick(['', 'nested/', 'nested/deep/', 'shared/'], a >> 1);
  const outs = Array.from({ length: count }, (_, index) => {
    const shape = pick(shapes, (index === 0 ? b : a) >> 2);
    return {
      path: `${folder}o${id}-${index}${shape === 'metric' ? '.json' : ''}`,
      shape,
      cache: (a + index) % 5 !== 0,
    };
  });
  // Metrics come last, as in the context.
  outs.sort((one, other) => Number(one.shape === 'metric') - Number(other.shape === 'metric'));
  const runs = c % 6 === 5 ? ['fit'] : [];
  const stage = sketch({
    name: `s${id}`,
    rank: id,
    version: pick(versions.slice(0, 4), b),
    relocatable: runs.length === 0 && a % 5 === 2,
    deps,
    params,
    code: (a + b) % 4 === 0 ? pick(codeFiles, c) : null,
    runs,
    outs,
    wdir: b % 7 === 3 ? 'work' : '',
  });
  world.stages.set(id, stage);
  dropDangling(world);
}

/** What a stage of this rank may depend on: sources, outs of stages before it, and folders around such outs. */
function available(world: World, rank: number): string[] {
  const made = spellOut(world)
    .filter((stage) => stage.rank < rank)
    .flatMap((stage) => stage.outs.map(({ path }) => path));
  // Folders around outs, but only those in which no later stage writes.
  const later = spellOut(world)
    .filter((stage) => stage.rank >= rank)
    .flatMap((stage) => stage.outs.map(({ path }) => path));
  const around = [...new Set(made.map((path) => posix.dirname(path)).filter((path) => path !== '.'))];
  const safe = around.filter((folder) => !later.some((path) => path.startsWith(`${folder}/`)));
  return [...inputs, ...made, ...safe];
}

/** Deps that nobody makes any more, and deps on folders in which stages that come later would now write. */
function dropDangling(world: World): void {
  for (const stage of world.stages.values()) {
    const there = new Set(available(world, stage.rank));
    stage.deps = stage.deps.filter((dep) => there.has(dep));
  }
}

function withStage(world: World, number: number, change: (stage: Sketch) => void): void {
  const id = pickId(world, number);
  if (id !== undefined) change(world.stages.get(id)!);
  dropDangling(world);
}

function pickId(world: World, number: number): number | undefined {
  const ids = [...world.stages.keys()];
  return ids.length === 0 ? undefined : pick(ids, number);
}
