// `dagrun stage-job`: what a batch job calls on a node that shares no file system. Not for people.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { outputOnNode } from '../exec/slurm/request.ts';
import { decodeTicket } from '../run/parcel.ts';
import { packagePlaces } from '../run/remote-settings.ts';
import { doStageJob } from '../run/stage-job.ts';
import type { Command, Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';

export const command: Command = {
  name: 'stage-job',
  args: 'ticket',
  summary:
    'Does one stage on a node of a cluster: inputs come by a remote, and the outs go back by it. The batch jobs of\n`dagrun repro --stage-in remote` call it.',
  examples: [],
  arity: [1, 1],
  options: {},
  run,
};

async function run({ args, io, cwd }: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const ticket = decodeTicket(args[0]!);
  if (ticket === undefined)
    return err(
      failure('usage', { message: 'that is no ticket of this version of dagrun', hint: 'have one version everywhere' }),
    );
  const { environment } = io;
  const places = packagePlaces(environment, cwd);
  const { done, wasStopped } = await interruptible(async (signal) => ({
    done: await doStageJob(ticket, { environment, places, signal }),
    wasStopped: signal.aborted,
  }));
  const job = environment['SLURM_JOB_ID'];
  const isTold = done.ok || job === undefined || tell(job, `dagrun ${ticket.token} ${done.error}`);
  // Nobody will look for it where its runner has the message, or has stopped it.
  if (job !== undefined && (isTold || wasStopped)) rmSync(outputOnNode(job), { force: true });
  return done.ok ? ok(exitCodes.done) : err(failure('storage', { message: done.error }));
}

/**
 * The comment of a job is what its runner sees of it without any file. False where it cannot be set: the output of the job has the message.
 */
function tell(job: string, comment: string): boolean {
  try {
    execFileSync('scontrol', ['update', `JobId=${job}`, `Comment=${comment.replace(/\s+/g, ' ').slice(0, 1000)}`], {
      stdio: 'ignore',
      timeout: 20_000,
    });
    return true;
  } catch {
    return false;
  }
}
