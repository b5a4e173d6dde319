// How a job ended, from what its script announced and what the controller says. Pure.

import { constants } from 'node:os';
import type { Job, JobEnd } from '../../plan/ports.ts';
import type { QueueRow } from './client.ts';
import type { ScriptEnd } from './desk.ts';

export interface Evidence {
  readonly end: ScriptEnd | undefined;
  /** The last that the controller said. */
  readonly row: QueueRow | undefined;
  /** What Slurm wrote into the job's own output. */
  readonly remarks: string;
  /** This runner has asked for its end. */
  readonly stopping: boolean;
  /** Why the job was given up, where it was. */
  readonly lost: string | undefined;
  /** More may be known a little later. */
  readonly patient: boolean;
  /** Bytes that its request had on top of what the stage asks for. Default: 0. */
  readonly besides?: number;
  /** Why it left no word, where more is known than that it did not. */
  readonly silence?: string;
  /** Why what it left is not taken: the controller has said that it has ended, or does not know it any more. */
  readonly refused?: string;
}

const live = [
  'PENDING',
  'RUNNING',
  'SUSPENDED',
  'COMPLETING',
  'CONFIGURING',
  'REQUEUED',
  'REQUEUE_HOLD',
  'REQUEUE_FED',
];
const busy = ['RESIZING', 'SIGNALING', 'STAGE_OUT', 'STOPPED', 'SPECIAL_EXIT', 'RESV_DEL_HOLD'];
const nodeTrouble: Readonly<Record<string, string>> = {
  NODE_FAIL: 'the node failed',
  BOOT_FAIL: 'the node did not boot',
  PREEMPTED: 'another job took its place',
};

/** False once the controller is done with the job. */
export function isLive(state: string): boolean {
  return live.includes(state) || busy.includes(state);
}

/** True where the machine failed, not the command. */
export function isNodeTrouble(state: string): boolean {
  return Object.hasOwn(nodeTrouble, state);
}

/** Undefined: it has not ended, or it is worth waiting for more to be known. */
export function judgeEnd(job: Job, evidence: Evidence): JobEnd | undefined {
  const { end, lost, stopping } = evidence;
  if (end?.kind === 'exit' && (end.code === 0 || !stopping)) return judgeExit(job, end, evidence);
  if (stopping && (end !== undefined || isOver(evidence))) return { kind: 'interrupted' };
  const command = job.cmd[end?.command ?? 0] ?? '';
  if (lost !== undefined) return { kind: 'node-failed', message: lost, command };
  switch (end?.kind) {
    case undefined:
    case 'terminated':
      return isOver(evidence) || !evidence.patient ? judgeState(job, command, evidence) : undefined;
    case 'overtime':
      return { kind: 'timed-out', seconds: job.timeout ?? end.seconds, command };
    case 'nowhere': {
      const message = `the working folder "${job.cwd}" does not exist on node ${end.node}`;
      return { kind: 'not-started', message, command };
    }
    case 'requeued':
      return { kind: 'node-failed', message: `Slurm started job ${end.job} a second time`, command };
    case 'revoked':
      return { kind: 'node-failed', message: 'it was given up', command };
    case 'exit':
      return { kind: 'interrupted' };
  }
}

function isOver({ row }: Evidence): boolean {
  return row !== undefined && !isLive(row.state);
}

function judgeExit(job: Job, end: ScriptEnd, evidence: Evidence): JobEnd | undefined {
  const command = job.cmd[end.command] ?? '';
  const signal = signalOf(end.code);
  if (signal === undefined) return { kind: 'exited', code: end.code, command };
  if (signal === 'SIGKILL') {
    // Whether it was the memory, Slurm says only when it is done with the job.
    if (isMemory(evidence)) return outOfMemory(job, command, evidence);
    if (evidence.patient && !isOver(evidence)) return undefined;
  }
  return { kind: 'signalled', signal, command };
}

/** A shell ends with 128 + n where signal n has ended its command. */
function signalOf(code: number): string | undefined {
  if (code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}

function judgeState(job: Job, command: string, evidence: Evidence): JobEnd | undefined {
  const { row, patient, end } = evidence;
  const state = row?.state ?? '';
  if (isMemory(evidence)) return outOfMemory(job, command, evidence);
  if (state === 'TIMEOUT' || state === 'DEADLINE')
    return { kind: 'timed-out', seconds: row?.limit ?? job.timeout ?? 0, command };
  if (state === 'CANCELLED')
    return { kind: 'cancelled', message: `somebody cancelled Slurm job ${row?.id ?? ''}`, command };
  const trouble = nodeTrouble[state];
  if (trouble !== undefined) return { kind: 'node-failed', message: `${trouble} (${row?.node ?? ''})`, command };
  if (patient) return undefined;
  if (end !== undefined) return { kind: 'signalled', signal: 'SIGTERM', command };
  const message = describeSilence(evidence);
  return message === undefined ? undefined : { kind: 'not-started', message, command };
}

/** Undefined where it is not said to have ended, and has left nothing. */
function describeSilence({ row, refused, silence }: Evidence): string | undefined {
  const hasEnded = row !== undefined && !isLive(row.state);
  if (refused !== undefined) {
    const which = row === undefined ? 'the Slurm job' : `Slurm job ${row.id}`;
    const fate = hasEnded ? `${which} ended (${row.state}, ${row.reason})` : `the controller no longer knows ${which}`;
    return `${fate}, and its result cannot be used: ${refused}`;
  }
  if (!hasEnded) return undefined;
  const why = silence ?? `can node ${row.node} write to this workspace under the same path?`;
  return `Slurm job ${row.id} ended (${row.state}, ${row.reason}) without a word: ${why}`;
}

function isMemory({ row, remarks }: Evidence): boolean {
  return row?.state === 'OUT_OF_MEMORY' || /exceeded (job |step )?memory limit|oom.?kill/i.test(remarks);
}

function outOfMemory({ resources }: Job, command: string, { besides = 0 }: Evidence): JobEnd {
  const { memory } = resources;
  const given =
    memory === undefined ? "Slurm's default, since the stage asks for none" : `${Math.ceil(memory / 2 ** 20)} MiB`;
  const own =
    besides === 0 || memory === undefined ? '' : `, and ${Math.ceil(besides / 2 ** 20)} MiB for dagrun itself`;
  return { kind: 'out-of-memory', message: `its memory on the cluster was ${given}${own}`, command };
}
