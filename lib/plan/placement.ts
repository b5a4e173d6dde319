// Which executor a stage goes to, what is asked of the cluster for it, and what stands for its machine in a fingerprint.

import { isGres } from '../pipeline/placement.ts';
import type { ExecutorName, SlurmSettings, Stage } from '../pipeline/pipeline.ts';

/** What the command line and the user's settings say of where stages run. */
export interface ExecutionSettings {
  /** From the command line. */
  readonly asked?: ExecutorName;
  /** From the user's settings. */
  readonly usual?: ExecutorName;
  /** From the user's settings: what a stage does not say itself. */
  readonly slurm: SlurmSettings;
  /** From the user's settings: jobs on the cluster at a time, and seconds between two signs of life of one. */
  readonly slurmJobs?: number;
  readonly heartbeat?: number;
  /** From the user's settings: how dagrun is started on a node that shares no file system. */
  readonly dagrun?: string;
}

export const localExecution: ExecutionSettings = { slurm: { extra: [] } };

/**
 * A stage that names its executor goes there. `local` on the command line is the exception: every machine can do that, and whoever says so
 * means all stages.
 */
export function executorOf(stage: Pick<Stage, 'executor'>, settings: ExecutionSettings): ExecutorName {
  if (settings.asked === 'local') return 'local';
  return stage.executor ?? settings.asked ?? settings.usual ?? 'local';
}

/** The stage's own words go before those of the user's settings; of `extra` the later ones win, as sbatch reads them. */
export function slurmSettingsOf(stage: Pick<Stage, 'slurm'>, settings: ExecutionSettings): SlurmSettings {
  const own = stage.slurm ?? { extra: [] };
  return { ...settings.slurm, ...own, extra: [...settings.slurm.extra, ...own.extra] };
}

/**
 * What stands for the machine of a stage with `host: true` that goes to the cluster. Nobody knows the node beforehand: what determines it is
 * what is asked for, so that a partition (or a constraint) of equal nodes is one machine.
 */
export function clusterHost({ partition, extra }: SlurmSettings): Readonly<Record<string, string>> {
  const constraints = extra.filter((option) =>
    /^--(constraint|nodelist|prefer|cluster-constraint|clusters)\b/.test(option),
  );
  return { scheduler: 'slurm', partition: partition ?? 'default', constraints: constraints.join(' ') };
}

/** The place in the queue for the cluster; no pool can have this name. */
export const jobsInFlight = '\0jobs in flight';

/** What a stage takes of the pools while it is on the cluster: processors, memory and gpus are the cluster's own business. */
export function poolsOnCluster(resources: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const shared = Object.entries(resources).filter(([name]) => name !== 'cpu' && name !== 'memory' && !isGres(name));
  return { ...Object.fromEntries(shared), [jobsInFlight]: 1 };
}
