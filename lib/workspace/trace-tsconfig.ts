// What a tsconfig.json says about resolving imports. The file format (comments, `extends`, packages as base) is get-tsconfig's business;
// this module finds the file, and makes facts of all that get-tsconfig looked at.

import { dirname, join } from 'node:path';
import type * as getTsconfig from 'get-tsconfig';
import { messageOf } from '../core/result.ts';
import type { Disk } from './trace-disk.ts';

type GetTsconfig = typeof getTsconfig;

export interface TsconfigRules {
  readonly path: string;
  /** Where a specifier may lead by `paths` or `baseUrl`, most likely first; empty where they do not speak of it. */
  readonly candidates: (specifier: string) => readonly string[];
  /** True where a pattern of `paths` (other than a lone `*`) claims the specifier. */
  readonly claims: (specifier: string) => boolean;
  /** True where an import of nothing but types is still run. */
  readonly keepsTypeImports: boolean;
  readonly customConditions: readonly string[];
  /** Why the file could not be used; it then has no rules. */
  readonly problem: string | undefined;
}

/** Loads get-tsconfig: only where an import needs it. */
export async function loadTsconfigReader(): Promise<GetTsconfig> {
  return import('get-tsconfig');
}

/** The nearest tsconfig.json above a file, up to the root (or, for a file outside the root, to the top of the disk). */
export function findTsconfig(disk: Disk, file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const path = join(folder, 'tsconfig.json');
    if (disk.look(path).kind === 'file') return path;
    if (folder === disk.root || dirname(folder) === folder) return undefined;
  }
}

/** What get-tsconfig looked at for one tsconfig.json, and what came of it. */
export interface TsconfigReading {
  readonly rules: TsconfigRules;
  readonly looked: readonly string[];
  readonly read: readonly string[];
}

export function readTsconfig(reader: GetTsconfig, path: string): TsconfigReading {
  // get-tsconfig keeps each call to the disk under `function:path` in this map: that is how its questions become facts.
  const calls = new Map<string, unknown>();
  const rules = buildRules(reader, path, calls as Map<string, never>);
  const looked = new Set([path]);
  const read = new Set([path]);
  for (const call of calls.keys()) {
    const parts = /^(existsSync|readFileSync|statSync|realpathSync):(.*?)(?::utf-?8)?$/s.exec(call);
    if (parts === null) continue;
    looked.add(parts[2]!);
    if (parts[1] === 'readFileSync') read.add(parts[2]!);
  }
  return { rules, looked: [...looked], read: [...read] };
}

/** Makes what a reading depends on part of the facts of whoever uses it. */
export function noteReading(disk: Disk, reading: TsconfigReading): void {
  for (const path of reading.looked) disk.look(path);
  for (const path of reading.read) disk.json(path);
}

function buildRules(reader: GetTsconfig, path: string, calls: Map<string, never>): TsconfigRules {
  // An import too many does no harm.
  const none = { path, candidates: () => [], claims: () => false, keepsTypeImports: true, customConditions: [] };
  try {
    const config = reader.parseTsconfig(path, calls);
    const options = config.compilerOptions ?? {};
    const match = reader.createPathsMatcher({ path, config });
    const patterns = Object.keys(options.paths ?? {});
    return {
      path,
      candidates: (specifier) => match?.(specifier) ?? [],
      claims: (specifier) => patterns.some((pattern) => pattern !== '*' && fitsPattern(pattern, specifier)),
      keepsTypeImports: options.verbatimModuleSyntax === true,
      customConditions: options.customConditions ?? [],
      problem: undefined,
    };
  } catch (error) {
    return { ...none, problem: messageOf(error).split(dirname(path)).join('.') };
  }
}

function fitsPattern(pattern: string, specifier: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === specifier;
  const tail = pattern.slice(star + 1);
  return (
    specifier.length >= pattern.length - 1 && specifier.startsWith(pattern.slice(0, star)) && specifier.endsWith(tail)
  );
}

/** How a tsconfig.json is named in a message. */
export function nameTsconfig(disk: Disk, rules: TsconfigRules): string {
  return disk.keyOf(rules.path);
}
