// The files in which the stages of halving.yaml find their settings: each has what one stage depends on, and no more.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson } from '../config/canonical.ts';
import type { HalvingSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';

/** Content of `1.json` and `2.json`. */
export interface RoundSettings {
  readonly after: number;
}

/** Content of `factor.json`. */
export type FactorSettings = Pick<HalvingSettings, 'factor'>;

/**
 * Writes the settings. params.yaml and the pipeline file have to agree on whether models are stopped; throws a StageFailure where they do not.
 * @param folder - undefined: the pipeline has no rounds
 */
export function writeHalving(folder: string | undefined, settings: HalvingSettings | null): void {
  if (folder === undefined && settings === null) return;
  if (folder === undefined)
    throw new StageFailure(
      'params.yaml has `halving`, but this pipeline has no rounds: run `dagrun --file halving.yaml repro`, or remove `halving`',
    );
  if (settings === null)
    throw new StageFailure(
      'params.yaml does not say how this pipeline halves: write `halving: { rounds: [2, 6] }`, or run `dagrun repro` without `--file`',
    );
  mkdirSync(folder, { recursive: true });
  const write = (name: string, content: RoundSettings | FactorSettings): void =>
    writeFileSync(join(folder, `${name}.json`), canonicalJson(content));
  settings.rounds.forEach((after, index) => write(String(index + 1), { after }));
  write('factor', { factor: settings.factor });
}
