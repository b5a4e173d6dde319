// The local executor, loaded when the first command runs: most runs execute nothing, and need none of it.

import { currentOwner } from '../core/owner.ts';
import type { Executor, Job, JobOutput, JobResult } from '../plan/ports.ts';

export class LazyExecutor implements Executor {
  readonly name = 'local';
  #executor: Promise<Executor> | undefined;

  async run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const executor = await (this.#executor ??= load());
    return executor.run(job, output, signal);
  }

  async close(): Promise<void> {
    await (await this.#executor)?.close();
  }
}

/** Its commands carry a marker that is made from this process, so that a later runner finds what it left behind. */
async function load(): Promise<Executor> {
  const [{ LocalExecutor }, { runnerId }] = await Promise.all([
    import('../exec/local.ts'),
    import('../exec/left-behind.ts'),
  ]);
  const marker = runnerId(currentOwner());
  return new LocalExecutor(marker === undefined ? {} : { marker });
}
