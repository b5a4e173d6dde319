// What machine this is, in words for the report.

import { arch, availableParallelism, cpus, release, type } from 'node:os';

import type { BenchmarkResult } from './result.ts';

export function describeHost(): BenchmarkResult['host'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cores: availableParallelism(),
    os: `${type()} ${release()} ${arch()}`,
    node: process.version,
  };
}
