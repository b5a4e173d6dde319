// The executors, each loaded when its first command runs: most runs execute nothing, and need none of it. A job that names a batch goes to
// the cluster, any other runs here.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { currentOwner } from '../core/owner.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Courier, Executor, Job, JobOutput, JobResult } from '../plan/ports.ts';
import type { Project } from '../run/project.ts';

export interface ClusterOptions {
  readonly project: Project;
  readonly heartbeat: number | undefined;
  /** Present where the nodes of the cluster do not share the file system. */
  readonly courier: Courier | undefined;
  readonly onWarning: (message: string, hint?: string) => void;
}

export class LazyExecutor implements Executor {
  readonly name = 'local or slurm';
  readonly #options: ClusterOptions;
  #local: Promise<Executor> | undefined;
  #slurm: Promise<Executor> | undefined;
  /** Whether an earlier runner may have left jobs on the cluster. */
  readonly #mayHaveLeftovers: boolean;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#mayHaveLeftovers = existsSync(slurmFolder(options.project));
  }

  async run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const executor = await (job.batch === undefined ? (this.#local ??= loadLocal()) : this.#loadSlurm());
    return executor.run(job, output, signal);
  }

  async recover(stage: StageName, identity: string | null): Promise<boolean> {
    if (!this.#mayHaveLeftovers) return false;
    return (await (await this.#loadSlurm()).recover?.(stage, identity)) ?? false;
  }

  async close(): Promise<void> {
    await (await this.#local)?.close();
    await (await this.#slurm)?.close();
  }

  #loadSlurm(): Promise<Executor> {
    return (this.#slurm ??= loadSlurm(this.#options));
  }
}

function slurmFolder({ stateDir }: Project): string {
  return `${stateDir}/slurm`;
}

/** Its commands carry a marker that is made from this process, so that a later runner finds what it left behind. */
async function loadLocal(): Promise<Executor> {
  const [{ LocalExecutor }, { runnerId }] = await Promise.all([
    import('../exec/local.ts'),
    import('../exec/left-behind.ts'),
  ]);
  const marker = runnerId(currentOwner());
  return new LocalExecutor(marker === undefined ? {} : { marker });
}

async function loadSlurm({ project, heartbeat, courier, onWarning }: ClusterOptions): Promise<Executor> {
  const { SlurmExecutor } = await import('../exec/slurm/slurm.ts');
  return new SlurmExecutor({
    folder: slurmFolder(project),
    project: basename(project.root),
    pipeline: project.pipeline.file,
    knows: (stage) => project.graph.index.has(stage as StageName),
    onWarning,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(courier === undefined ? {} : { courier }),
  });
}
