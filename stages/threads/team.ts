// A team of threads that do the same work together: this one, which leads, and worker threads that run a program. The leader gives a command, does its
// own part, and goes on when all are done. A member that fails ends the team, with its message. Knows nothing of models or data.

import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';

import { StageFailure } from '../context/fail.ts';
import { commandCounter, counters, finishedCounter } from './counters.ts';
import { joinCrowd } from './crowd.ts';
import type { MemberData, MemberReport } from './member.ts';
import { createSignals, Stopped, type Signals } from './signals.ts';

export interface TeamOptions {
  /** With the leader. */
  readonly threads: number;
  /** Module (its URL) that exports `startMember: StartMember`. Like all that it imports it must not await at its top level. */
  readonly program: string;
  /** Given to the program of each member; must be structured-cloneable. */
  readonly data: unknown;
  /** Of those, how many are to work at the moment; all where it is not given. Members start when more than the leader first are. */
  readonly crew?: (() => number) | undefined;
  /** Called when the team is closed. */
  readonly onClose?: (() => void) | undefined;
  /** Largest JavaScript heap of a member; that of the process where none is given. */
  readonly heapMegabytes?: number;
}

export interface Team {
  /** At most. */
  readonly threads: number;
  /** How many are to work at the moment, from 1 to `threads`; starts the members where that takes them. */
  readonly crew: () => number;
  /** Counters for the use of the program, by numbers below `programCounters`. */
  readonly signals: Signals;
  /** Gives all members that were started a command, and goes on. They obey one after the other. */
  readonly post: (command: unknown) => void;
  /** All members obey a command while the leader does its own part. Throws what the leader's part throws, or a StageFailure where a member failed. */
  readonly run: <Result>(command: unknown, own: () => Promise<Result>) => Promise<Result>;
  /** Ends all members at once. */
  readonly close: () => Promise<void>;
}

/**
 * How many threads a work of so many equal parts is done on: one a core, or as many as the environment variable DAGRUN_THREADS says, but none without a
 * part. Throws a StageFailure where the variable is not a number of threads.
 */
export function countThreads(
  parts: number,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): number {
  const text = environment['DAGRUN_THREADS'] ?? '';
  if (text !== '' && !/^[1-9]\d{0,2}$/.test(text))
    throw new StageFailure(`DAGRUN_THREADS is "${text}": set it to a number of threads from 1 to 999, or remove it`);
  const wanted = text === '' ? availableParallelism() : Number(text);
  return Math.max(1, Math.min(parts, wanted));
}

/** The part of a team that shares the cores with the other processes that work; those that DAGRUN_THREADS has set take what it says. */
export function shareCores(): Pick<TeamOptions, 'crew' | 'onClose'> {
  if ((process.env['DAGRUN_THREADS'] ?? '') !== '') return {};
  const { share, leave } = joinCrowd();
  return { crew: share, onClose: leave };
}

/**
 * What a thread runs first: the loader of the stage (`--import tsx`) does not reach into threads of Node.js 20. Modules are taken as CommonJS there, which
 * starts in half the time: no thread of its own for the loader, no search for the names that large packages export.
 */
const bootstrap = `
  const { workerData } = require('node:worker_threads');
  require(workerData.loader).register();
  require(workerData.entry);
`;
const loader = createRequire(import.meta.url).resolve('tsx/cjs/api');
const entry = fileURLToPath(new URL('./member.ts', import.meta.url));

/** Starts the members, and does not wait for them. Whoever opens a team closes it, come what may: a process does not end while members live. */
export function openTeam({ threads, program, data, crew, onClose, heapMegabytes }: TeamOptions): Team {
  const signals = createSignals(counters);
  let failure: StageFailure | undefined;
  const fail = (message: string): void => {
    failure ??= new StageFailure(message);
    signals.stop();
  };
  const members: Member[] = [];
  const chooseCrew = (): number => {
    const chosen = crew === undefined ? threads : Math.max(1, Math.min(threads, crew()));
    // All at once, since commands are counted for all.
    while (chosen > 1 && members.length < threads - 1)
      members.push(startMember({ signals, program, data, heapMegabytes, fail, index: members.length + 1 }));
    return chosen;
  };
  chooseCrew();
  let given = 0;
  const post = (command: unknown): void => {
    if (members.length === 0) return;
    given += 1;
    for (const { port } of members) port.postMessage(command);
    signals.add(commandCounter);
  };
  return {
    threads,
    crew: chooseCrew,
    signals,
    post,
    run: async (command, own) => {
      post(command);
      try {
        const result = await own();
        await signals.reached(finishedCounter, given * members.length);
        return result;
      } catch (error) {
        if (!(error instanceof Stopped)) throw error;
        // What the member had to say is on its way.
        for (let turn = 0; failure === undefined && turn < 200; turn++)
          await new Promise((resolve) => setTimeout(resolve, 5));
        throw failure ?? error;
      }
    },
    close: async () => {
      onClose?.();
      signals.stop();
      await Promise.all(members.map(({ end }) => end()));
    },
  };
}

interface Member {
  readonly port: MessagePort;
  readonly end: () => Promise<void>;
}

interface Start extends Pick<TeamOptions, 'program' | 'data'> {
  readonly index: number;
  readonly heapMegabytes: number | undefined;
  readonly signals: Signals;
  readonly fail: (message: string) => void;
}

function startMember({ signals, program, data, heapMegabytes, fail, index }: Start): Member {
  const { port1, port2 } = new MessageChannel();
  const memberData: MemberData = { program, data, index, signals: signals.buffer, port: port2 };
  const workerData = { ...memberData, loader, entry };
  const worker = new Worker(bootstrap, {
    eval: true,
    workerData,
    transferList: [port2],
    execArgv: [],
    ...(heapMegabytes === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMegabytes } }),
  });
  worker.unref();
  port1.unref();
  let isEnding = false;
  worker.on('message', ({ message, isFailure }: MemberReport) =>
    fail(isFailure ? message : `a thread of this stage failed: ${message}`),
  );
  worker.on('error', (error) => fail(`a thread of this stage failed: ${describe(error)}`));
  worker.on('exit', (code) => {
    if (!isEnding) fail(`a thread of this stage ended unasked, with exit code ${code}`);
  });
  return {
    port: port1,
    end: async () => {
      isEnding = true;
      port1.close();
      await worker.terminate();
    },
  };
}

function describe(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return 'it ran out of memory; take a smaller batch, more shards, or DAGRUN_THREADS=1';
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
