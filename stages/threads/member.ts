// The program of a worker thread in a team: loads what its leader wants it to run, and obeys commands until it is ended.

import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';

import { StageFailure } from '../context/fail.ts';
import { loadModule } from './load.ts';
import { openSignals, Stopped, type Signals } from './signals.ts';
import { commandCounter, finishedCounter } from './counters.ts';

/** What a member's program gets at its start (`index` from 1: the leader is 0), and what it does with each command. */
export type StartMember = (
  data: unknown,
  signals: Signals,
  index: number,
) => Promise<(command: unknown) => Promise<void>>;

/** What a member is started with. */
export interface MemberData {
  readonly program: string;
  readonly data: unknown;
  /** From 1. */
  readonly index: number;
  readonly signals: SharedArrayBuffer;
  /** Commands come here. */
  readonly port: MessagePort;
}

/** What a member says when it fails. */
export interface MemberReport {
  readonly message: string;
  /** Whether the message is for the user as it stands. */
  readonly isFailure: boolean;
}

const { program, data, index, signals: buffer, port } = workerData as MemberData;
const signals = openSignals(buffer);
void serve().catch((error: unknown) => {
  if (!(error instanceof Stopped)) report(error);
});

async function serve(): Promise<void> {
  const { startMember } = loadModule(program) as { readonly startMember: StartMember };
  const obey = await startMember(data, signals, index);
  for (let given = 1; ; given++) {
    await signals.reached(commandCounter, given);
    await obey(nextCommand());
    signals.add(finishedCounter);
  }
}

function nextCommand(): unknown {
  const received = receiveMessageOnPort(port) as { readonly message: unknown } | undefined;
  if (received === undefined) throw new Error('a command was announced, but none came');
  return received.message;
}

function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? message) : message;
  const isFailure = error instanceof StageFailure;
  const told: MemberReport = { message: isFailure ? message : stack, isFailure };
  parentPort!.postMessage(told);
  signals.stop();
}
