// The `benchmark` key of params.yaml.

import { StageFailure } from '../context/fail.ts';

export interface BenchmarkSettings {
  /** Time for measuring, all models together; each is measured a least number of times all the same. */
  readonly seconds: number;
}

const defaults: BenchmarkSettings = { seconds: 1 };
const longest = 3600;

/** Reads `{seconds: N}`; nothing at all is the default. Throws a StageFailure for anything else. */
export function readBenchmarkSettings(value: unknown): BenchmarkSettings {
  if (value === undefined || value === null) return defaults;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new StageFailure('params.yaml: "benchmark" must be a mapping such as {seconds: 1}');
  const unknown = Object.keys(value).filter((key) => key !== 'seconds');
  if (unknown.length > 0)
    throw new StageFailure(`params.yaml: benchmark.${unknown.join(', benchmark.')}: the only key there is "seconds"`);
  const { seconds = defaults.seconds } = value as { readonly seconds?: unknown };
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= longest))
    throw new StageFailure(
      `params.yaml: benchmark.seconds must be a number above 0 and at most ${longest}, not ${JSON.stringify(seconds)}`,
    );
  return { seconds };
}
