// Peak memory of a running command, by sampling: the resident memory of all its processes together, and at least the
// high-water mark that the kernel keeps of any one of them, so that a short peak of a single process is not missed.
// Pages that processes share count once for each. Costs less than half a percent of a core.

import { execFile } from 'node:child_process';
import { canListChildren, groupMembers, hasProc, processTree, residentMemory } from './processes.ts';

/** Milliseconds: the pauses grow with the time the command has run. */
const shortestPause = 5;
const longestPause = 500;
/** `ps` is a process of its own, so it is asked seldom. */
const psPause = { first: 50, longest: 5000 } as const;

/** Milliseconds of sampling that a command may cost at once, and the share of its running time that may come on top. */
const allowance = 5;
const share = 0.005;

/** Bytes. No program runs in less: such a sample was taken while the process was only just being made. */
const smallest = 256 * 1024;

export class MemoryMeter {
  #peak: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #group: number | undefined;
  #started = 0;
  #spent = 0;

  /** Bytes over all commands measured so far; null where nothing could be measured. */
  get peak(): number | null {
    return this.#peak;
  }

  /** Begins with a command that was just spawned as the leader of its process group. */
  start(group: number): void {
    this.stop();
    if (process.platform === 'win32') return;
    this.#group = group;
    this.#started = performance.now();
    this.#spent = 0;
    // Right after the spawn there is only a copy of the runner.
    if (hasProc) this.#later(group, shortestPause);
    else this.#ask(group, psPause.first);
  }

  /** Ends with the command; no timer is left. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#group = undefined;
  }

  #sample(group: number): void {
    const before = cpuTime();
    const bytes = measure(commandProcesses(group));
    this.#note(bytes);
    this.#spent += cpuTime() - before;
    // Where nothing was seen yet, the cost of a first look is no reason to wait for long.
    this.#later(group, pauseAfter(performance.now() - this.#started, bytes === null ? 0 : this.#spent));
  }

  #later(group: number, pause: number): void {
    this.#timer = setTimeout(() => this.#sample(group), pause);
    this.#timer.unref();
  }

  #ask(group: number, pause: number): void {
    this.#timer = setTimeout(() => {
      askPs(group, (bytes) => {
        if (this.#group !== group) return;
        this.#note(bytes);
        this.#ask(group, Math.min(pause * 2, psPause.longest));
      });
    }, pause);
    this.#timer.unref();
  }

  #note(bytes: number | null): void {
    if (bytes !== null && bytes > (this.#peak ?? 0)) this.#peak = bytes;
  }
}

/** Milliseconds of this process: on a busy machine a sample takes long without costing more. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** All arguments and the result in milliseconds. */
export function pauseAfter(elapsed: number, spent: number): number {
  const regular = Math.min(longestPause, Math.max(shortestPause, elapsed / 4));
  const affordable = (spent - allowance) / share - elapsed;
  return Math.max(regular, affordable);
}

function commandProcesses(group: number): readonly number[] {
  return canListChildren() ? processTree(group) : groupMembers(group);
}

function measure(processes: readonly number[]): number | null {
  let sum = 0;
  let highest = 0;
  for (const pid of processes) {
    const memory = residentMemory(pid);
    if (memory === undefined) continue;
    sum += memory.now;
    highest = Math.max(highest, memory.peak);
  }
  return highest < smallest ? null : Math.max(sum, highest);
}

/** The resident memory of a process group, for systems without /proc. */
export function askPs(group: number, answer: (bytes: number | null) => void): void {
  execFile('ps', ['-A', '-o', 'pgid=,rss='], (error, stdout) =>
    answer(error === null ? sumOfGroup(stdout, group) : null),
  ).unref();
}

function sumOfGroup(table: string, group: number): number | null {
  let kilobytes = 0;
  for (const line of table.split('\n')) {
    const [pgid, rss] = line.trim().split(/\s+/);
    if (Number(pgid) === group && rss !== undefined) kilobytes += Number(rss);
  }
  return kilobytes === 0 ? null : kilobytes * 1024;
}
