// What a stage has to make from what lies on the disk, worked out without dagrun: the same as step.sh.

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { commandOf } from './world.ts';
import type { Shape, Sketch, World } from './world.ts';

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What is at a path, in words; undefined where nothing is, or a link that leads nowhere. Links at the path itself are followed. */
export function look(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return describeFile(readFileSync(path), (stat.mode & 0o100) !== 0);
  const names: string[] = [];
  const sums: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(path, folder), { withFileTypes: true })) {
      const below = posix.join(folder, entry.name);
      const place = join(path, below);
      if (entry.isDirectory()) {
        names.push(`d ${below}`);
        walk(below);
        continue;
      }
      if (entry.isSymbolicLink()) names.push(`l ${below} ${readlinkSync(place)}`);
      else names.push(`${(lstatSync(place).mode & 0o100) === 0 ? 'f' : 'x'} ${below}`);
      if (statSync(place, { throwIfNoEntry: false })?.isFile() === true) sums.push(below);
    }
  };
  walk('');
  return describeTree(
    names,
    sums.map((below) => [below, readFileSync(join(path, below))]),
  );
}

function describeFile(content: string | Buffer, executable: boolean): string {
  return `${executable ? 'executable' : 'file'}\n${content.toString('latin1')}`;
}

function describeTree(names: readonly string[], files: readonly (readonly [string, string | Buffer])[]): string {
  const sums = [...files].sort(([a], [b]) => byBytes(a, b)).map(([path, content]) => `${sha256(content)}  ${path}`);
  return `tree\n${[...names]
    .sort(byBytes)
    .concat(sums)
    .map((line) => `${line}\n`)
    .join('')}`;
}

/** What the command of a stage is told and reads, as one text; undefined where something is missing. */
export function tell(world: World, stage: Sketch, root: string): string | undefined {
  const lines: string[] = [stage.version];
  if (!stage.relocatable) lines.push(stage.name);
  for (const dep of stage.relocatable ? stage.deps : [...stage.deps].sort(byBytes)) {
    const seen = dep.includes('*') ? lookAtMatches(root, dep) : look(join(root, dep));
    if (seen === undefined) return undefined;
    if (!dep.includes('*')) lines.push(stage.relocatable ? 'dep' : `dep ${dep}`);
    lines.push(seen.replace(/\n$/, ''));
  }
  const params = tellParams(world, stage);
  if (params === undefined) return undefined;
  lines.push(...params);
  if (stage.code !== null) lines.push(...follow(root, stage.code, new Set()));
  for (const group of stage.runs) lines.push(...historyOf(root, group).map((fingerprint) => `run ${fingerprint}`));
  return `${lines.join('\n')}\n`;
}

function lookAtMatches(root: string, pattern: string): string | undefined {
  const [folder, end] = [dirname(pattern), pattern.slice(pattern.indexOf('*') + 1)];
  if (statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(end));
  const found = names.sort(byBytes).flatMap((name) => {
    const seen = look(join(root, folder, name));
    return seen === undefined ? [] : `match ${folder}/${name}\n${seen}`;
  });
  return found.length === 0 ? undefined : found.join('');
}

function tellParams(world: World, stage: Sketch): string[] | undefined {
  if (stage.params.length === 0) return [];
  const told: Record<string, Record<string, unknown>> = {};
  for (const { file, key } of stage.params) {
    const all: Record<string, unknown> = {
      ...world.params[file],
      ...(file === 'params.yaml' ? { models: world.models } : {}),
    };
    const value =
      key === null
        ? all
        : key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], all);
    if (value === undefined) return undefined;
    (told[file] ??= {})[key ?? ''] = value;
  }
  const json = Buffer.from(JSON.stringify({ params: told, end: 0 }, null, 2)).toString('latin1');
  const lines = json.split('\n').slice(1, -2);
  return stage.relocatable ? lines.map((line) => line.replace(/^ *"[^"]*": /, '').replace(/,$/, '')) : lines;
}

function follow(root: string, path: string, seen: Set<string>): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = readFileSync(join(root, path), 'utf8');
  const next = [...text.matchAll(/^import '\.\/(.*)';$/gm)].map((match) => posix.join(posix.dirname(path), match[1]!));
  return [...text.trimEnd().split('\n'), ...next.flatMap((other) => follow(root, other, seen))];
}

/** Fingerprints of the recorded runs of a group, in order. */
export function historyOf(root: string, group: string): string[] {
  const folder = join(root, '../cache/history', group);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => name.split('-')[0]!)
    .sort();
}

/** What identifies an execution: two of the same key give the same, and need not be made twice. */
export function keyOf(stage: Sketch, told: string): string {
  const outs = stage.outs.map(({ path, shape }) => (stage.relocatable ? shape : path));
  return JSON.stringify([
    commandOf(stage),
    told,
    stage.relocatable ? outs : [...outs].sort(),
    stage.relocatable ? '' : stage.wdir,
  ]);
}

/** What each out must look like; null: it has to hold at least a file of this name. */
export function expectedLook(shape: Shape, told: string): string {
  const hash = sha256(Buffer.from(told, 'latin1')).slice(0, 16);
  const half = /^[0-7]/.test(hash) ? 'low' : 'high';
  switch (shape) {
    case 'file':
      return describeFile(`${hash}\n`, false);
    case 'script':
      return describeFile(`${hash}\n`, true);
    case 'bit':
      return describeFile('same\n', half === 'low');
    case 'flat':
      return describeFile(`${half}\n`, false);
    case 'metric':
      return describeFile(`{"half": "${half}", "hash": "${hash}"}\n`, false);
    case 'big':
      return describeFile(`${hash}\n`.repeat(9000), false);
    case 'tree':
      return expectedTree(hash, half);
    case 'hollow':
      return half === 'low' ? describeTree([], []) : describeTree(['d a', 'f b'], [['b', 'high\n']]);
    case 'kept':
      return hash;
  }
}

function expectedTree(hash: string, half: string): string {
  const names = ['d sub', 'd sub/deep', 'd empty', `f name-${hash[0]!}`, 'f sub/deep/half', 'x sub/tool'];
  const files: [string, string][] = [
    [`name-${hash[0]!}`, `${hash}\n`],
    ['sub/deep/half', `${half}\n`],
    ['sub/tool', 'tool\n'],
    ['sub/link', `${half}\n`],
  ];
  names.push('l sub/link deep/half', 'l nowhere ../outside-of-out');
  if (/^[0-4]/.test(hash)) {
    names.push('f changing');
    files.push(['changing', `${half}\n`]);
  } else if (/^[5-9]/.test(hash)) {
    names.push('d changing', 'f changing/inner');
    files.push(['changing/inner', `${half}\n`]);
  } else names.push('l changing sub');
  return describeTree(names, files);
}

/** What is wrong with an out, in words; undefined: nothing. */
export function faultOf(root: string, path: string, shape: Shape, told: string): string | undefined {
  const seen = look(join(root, path));
  const expected = expectedLook(shape, told);
  if (seen === undefined) return `${path} is missing`;
  if (shape === 'kept') return seen.includes(` ${expected}\n`) ? undefined : `${path} lacks ${expected}: ${seen}`;
  return seen === expected ? undefined : `${path} is ${seen.slice(0, 600)}\ninstead of ${expected.slice(0, 600)}`;
}
