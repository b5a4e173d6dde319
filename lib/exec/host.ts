// What identifies this machine where a stage says `host: true`: the same after a reboot or a minor kernel update.

import { arch, cpus, hostname, platform, release } from 'node:os';

export interface HostInfo {
  /** Model name of the processor; several, sorted and joined with ` + `, where they differ; `unknown` where the system does not tell. */
  readonly cpu: string;
  /** Platform and major version of its kernel: `linux 6`. */
  readonly os: string;
  /** `x64`, `arm64`, … */
  readonly arch: string;
  /** For people: where a run took place. Not part of any fingerprint. */
  readonly hostname: string;
}

let known: HostInfo | undefined;

/** Read once; reading the processors takes about a millisecond. */
export function hostInfo(): HostInfo {
  known ??= {
    cpu: describeCpus(cpus().map((cpu) => cpu.model)),
    os: `${platform()} ${majorOf(release())}`,
    arch: arch(),
    hostname: hostname(),
  };
  return known;
}

/** One name for all processors: spacing does not matter, and neither does their order. */
export function describeCpus(models: readonly string[]): string {
  const names = new Set(models.map((model) => model.replace(/\s+/g, ' ').trim()).filter((name) => name !== ''));
  return names.size === 0 ? 'unknown' : [...names].sort().join(' + ');
}

export function majorOf(version: string): string {
  return /^\d+/.exec(version)?.[0] ?? version;
}
