// How often recorded runs were restored: hits/<host>-<process>.txt, a line for each restore: "<fingerprint>-<result>".
// Each process appends to a file of its own, so that nothing is counted twice or lost when two run at once or two caches are merged.

import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { readTextIfExists, uniqueName, withFolder } from '../core/disk.ts';
import { codeOf } from '../core/result.ts';
import { encodeName } from './layout.ts';
import type { Layout } from './layout.ts';
import { listNames, parseMarker } from './list.ts';
import type { RunName } from './list.ts';

const namePattern = /^[A-Za-z0-9_@=+,.%-]+\.txt$/;

export function isHitsName(name: string): boolean {
  return namePattern.test(name) && !name.startsWith('.');
}

/** Restores that are kept in memory before they are written: a run that is killed loses the count of so many. */
const unwritten = 100;

export class HitCounter {
  readonly #layout: Layout;
  #path: string | undefined;
  #lines: string[] = [];

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Counts a restore. */
  note(run: RunName): void {
    this.#lines.push(`${run.fingerprint}-${run.result}\n`);
    if (this.#lines.length >= unwritten) this.flush();
  }

  /** Writes what was counted. A cache that cannot be written to counts nothing. */
  flush(): void {
    const text = this.#lines.splice(0).join('');
    if (text === '') return;
    this.#path ??= `${this.#layout.folder('hits')}/${encodeName(hostname())}-${uniqueName()}.txt`;
    const path = this.#path;
    try {
      withFolder(path, () => appendFileSync(path, text));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
}

/** The runs that a file counts, a line each. */
export function readHits(path: string): readonly RunName[] {
  return (readTextIfExists(path) ?? '').split('\n').flatMap((line) => parseMarker(line) ?? []);
}

/** Restores by `<fingerprint>-<result>`. */
export function countHits(layout: Layout): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of listNames(layout.folder('hits')).filter(isHitsName)) {
    for (const run of readHits(`${layout.folder('hits')}/${name}`)) {
      const key = `${run.fingerprint}-${run.result}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}
