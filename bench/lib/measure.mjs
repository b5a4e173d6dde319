// Starts whole processes and takes their time and memory. Knows nothing of tools or pipelines.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

/** @typedef {{ ms: number, code: number | null, output: string }} Timing */
/** @typedef {{ cwd: string, env: Record<string, string>, log: string, timeoutMs?: number }} Where */

/** Wall time from before the start of the process until it ended. Its output goes to the file `log`. @param {string[]} argv @param {Where} where @returns {Promise<Timing>} */
export function timeProcess([program = '', ...args], { cwd, env, log, timeoutMs = 30 * 60_000 }) {
  const descriptor = openSync(log, 'w+');
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', descriptor, descriptor], timeout: timeoutMs });
    child.once('error', reject);
    child.once('exit', (code) => {
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      closeSync(descriptor);
      resolve({ ms, code, output: readFileSync(log, 'utf8') });
    });
  });
}

/** Peak resident memory in MiB of the largest process of the run (GNU time), or undefined without GNU time. @param {string[]} argv @param {Where} where */
export async function peakMemory(argv, where) {
  if (!existsSync('/usr/bin/time')) return undefined;
  const report = `${where.log}.memory`;
  await timeProcess(['/usr/bin/time', '-f', '%M', '-o', report, ...argv], where);
  const kib = Number(readFileSync(report, 'utf8').trim().split('\n').at(-1));
  return Number.isFinite(kib) ? kib / 1024 : undefined;
}

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A subject whose unmeasured run took longer than this is measured in `SLOW_ROUNDS` rounds only. */
const SLOW_MS = 20_000;
const SLOW_ROUNDS = 2;

/**
 * A B A B …: every subject once a round, so that a slow minute of the machine touches all of them. One unmeasured round comes first.
 * @template {{ label: string }} S
 * @param {S[]} subjects @param {number} rounds @param {(subject: S) => Promise<number | undefined>} once undefined: this subject is out
 * @returns {Promise<Map<string, number[]>>} milliseconds by label, in the order of the rounds
 */
export async function interleave(subjects, rounds, once) {
  const times = new Map(subjects.map((subject) => [subject.label, /** @type {number[]} */ ([])]));
  const out = new Set();
  const slow = new Set();
  for (let round = -1; round < rounds; round++) {
    for (const subject of subjects) {
      if (out.has(subject.label) || (slow.has(subject.label) && round >= SLOW_ROUNDS)) continue;
      const ms = await once(subject);
      if (ms === undefined) out.add(subject.label);
      else if (round < 0 && ms > SLOW_MS) slow.add(subject.label);
      else if (round >= 0) times.get(subject.label)?.push(ms);
    }
  }
  return times;
}
