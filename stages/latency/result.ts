// Content of `artifacts/benchmark.json`: how fast each candidate predicts on this machine, all measured in one run, in interleaved rounds.

import type { EngineInfo } from '../engine/engine.ts';

export interface Latency {
  /** Of the model folder (the digest of the out of `train`): what the figures belong to. */
  readonly model: string;
  /** Milliseconds for one image at batch 1. */
  readonly p50: number;
  readonly p95: number;
  /** Milliseconds for one image at the large batch: the median time of a batch, divided by its images. */
  readonly perImage: number;
  /** Images a second at the large batch. */
  readonly throughput: number;
  readonly batch: number;
}

export interface BenchmarkResult {
  readonly version: 1;
  readonly host: { readonly cpu: string; readonly cores: number; readonly os: string; readonly node: string };
  readonly engine: EngineInfo;
  readonly latencies: readonly Latency[];
  /** Models of the history that could not be measured, and why (their files are no longer in the cache). */
  readonly unmeasured: readonly { readonly model: string; readonly reason: string }[];
}
