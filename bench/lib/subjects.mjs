// One case, prepared and measured: writes the projects, makes every run what it claims to be, and checks it afterwards.

import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WORK, which } from './install.mjs';
import { interleave, peakMemory, timeProcess } from './measure.mjs';
import { baseEnv, commitAll, editScript, removeOuts, startAfresh, stopTool, writeProject } from './tools.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./tools.mjs').Tool} Tool */
/** @typedef {{ label: string, argv: string[], dir: string, env: Record<string, string>, tool?: Tool }} Subject */
/** @typedef {{ label: string, version?: string, times: number[], mib?: number, fault?: string }} Result */

/** @param {string} dir the number of commands that ran so far */
function commandsRun(dir) {
  const log = join(dir, '..', 'log');
  return existsSync(log) ? statSync(log).size : 0;
}

/** What is wrong with the outs, if anything. @param {string} dir @param {import('./pipelines.mjs').Shape} shape */
function faultInOuts(dir, shape) {
  for (const stage of shape.stages) {
    const path = join(dir, stage.out);
    if (!existsSync(path)) return `${stage.out} is missing`;
    if (readFileSync(path, 'utf8') !== stage.expected) return `${stage.out} is wrong`;
  }
  return undefined;
}

/** All that is known of files, but not the parsed pipeline: these rows are about hashing. @param {string} state */
function forgetHashes(state) {
  if (!existsSync(state)) throw new Error(`${state}: the stat index is not where the bench expects it`);
  for (const name of readdirSync(state))
    if (!name.startsWith('compiled-')) rmSync(join(state, name), { recursive: true });
}

/** @param {Case} row @param {import('./pipelines.mjs').Shape} shape @param {Subject} subject */
function prepare(row, shape, { dir, tool }) {
  if (tool === undefined) return;
  if (row.kind === 'cold') startAfresh(tool, dir, shape);
  if (row.kind === 'restore') removeOuts(dir);
  if (row.kind === 'edited') editScript(tool, dir);
  if (row.kind === 'hash') forgetHashes(join(dir, '.dagrun'));
}

/** One checked run. @param {Case} row @param {import('./pipelines.mjs').Shape} shape @param {Subject} subject @returns {Promise<{ ms: number } | { fault: string }>} */
async function runOnce(row, shape, subject) {
  prepare(row, shape, subject);
  const before = commandsRun(subject.dir);
  const { ms, code, output } = await timeProcess(subject.argv, {
    cwd: subject.dir,
    env: subject.env,
    log: join(subject.dir, '..', 'output'),
  });
  if (code !== 0) return { fault: `failed (${code}): ${output.trim().split('\n').at(-1)?.slice(0, 120)}` };
  if (row.kind !== 'cold' && commandsRun(subject.dir) !== before) return { fault: 'did not no-op' };
  if (subject.tool === undefined || (row.kind !== 'cold' && row.kind !== 'restore')) return { ms };
  const fault = faultInOuts(subject.dir, shape);
  return fault === undefined ? { ms } : { fault };
}

/** First run, then one that lets the tool settle (some record on the second run only). @param {Case} row @param {Tool} tool @param {string} dir @param {import('./pipelines.mjs').Shape} shape */
async function build(row, tool, dir, shape) {
  const [argv = []] = Object.values(tool.commands);
  for (let i = 0; i < 2; i++) {
    const { code, output } = await timeProcess(argv, { cwd: dir, env: tool.env, log: join(dir, '..', 'output') });
    if (code !== 0) return `failed (${code}): ${output.trim().split('\n').at(-1)?.slice(0, 120)}`;
  }
  if (tool.name === 'dagrun' && row.kind !== 'cold') {
    const { code } = await timeProcess([...(tool.commands['status'] ?? []), '--check'], {
      cwd: dir,
      env: tool.env,
      log: join(dir, '..', 'output'),
    });
    if (code !== 0) return 'did not no-op: status --check finds it stale after two runs';
  }
  return faultInOuts(dir, shape);
}

/** @param {Case} row @param {Tool} tool @param {string} dir @returns {Subject[]} */
function commandsOf(row, tool, dir) {
  // A cold run takes long, and how the tool was started hardly counts in it: one way is enough.
  const entries = Object.entries(tool.commands).slice(0, row.kind === 'cold' ? 1 : undefined);
  const ways = entries.filter(([way]) => way !== 'status' || row.status);
  return ways.map(([way, argv]) => ({
    label: way === '' ? tool.name : `${tool.name} ${way}`,
    argv,
    dir,
    env: tool.env,
    tool,
  }));
}

/** @param {Case} row @param {string} dir where the floors run: find and git look at the same kind of folder as the tools @returns {Subject[]} */
function floorsOf(row, dir) {
  const there = Object.entries(row.floors).filter(
    ([label]) => !label.startsWith('xxhsum') || which('xxhsum') !== undefined,
  );
  return there.map(([label, argv]) => ({ label, argv, dir, env: baseEnv() }));
}

/**
 * Runs one case with these tools. @param {Case} row @param {Tool[]} tools @param {{ rounds: number, keep: boolean }} options @returns {Promise<Result[]>}
 */
export async function runCase(row, tools, { rounds, keep }) {
  const shape = row.shape();
  const root = join(WORK, 'cases', row.name);
  /** @type {Subject[]} */
  const subjects = [];
  /** @type {Result[]} */
  const results = [];
  const withVersion = (/** @type {Tool} */ tool) => (tool.version === undefined ? {} : { version: tool.version });
  try {
    for (const tool of tools) {
      const dir = join(root, tool.name, 'project');
      if (tool.version === undefined) {
        results.push({ label: tool.name, times: [], fault: 'not available' });
      } else if (row.kind === 'restore' && !tool.restores) {
        results.push({ label: tool.name, ...withVersion(tool), times: [], fault: '– (has no cache to restore from)' });
      } else {
        writeProject(tool, dir, shape);
        const fault = await build(row, tool, dir, shape);
        if (fault === undefined) subjects.push(...commandsOf(row, tool, dir));
        else results.push({ label: tool.name, ...withVersion(tool), times: [], fault });
      }
    }
    const first = subjects[0];
    if (first === undefined) return results;
    if ('git status' in row.floors && first.tool?.npm !== true) commitAll(first.dir);
    subjects.unshift(...floorsOf(row, first.dir));
    results.push(...(await measured(row, shape, subjects, rounds)));
    return results;
  } finally {
    for (const tool of tools) stopTool(tool, join(root, tool.name, 'project'));
    if (!keep) rmSync(root, { recursive: true, force: true });
  }
}

/** @param {Case} row @param {import('./pipelines.mjs').Shape} shape @param {Subject[]} subjects @param {number} rounds @returns {Promise<Result[]>} */
async function measured(row, shape, subjects, rounds) {
  /** @type {Map<string, string>} */
  const faults = new Map();
  const times = await interleave(subjects, rounds, async (subject) => {
    const outcome = await runOnce(row, shape, subject);
    if ('ms' in outcome) return outcome.ms;
    faults.set(subject.label, outcome.fault);
    return undefined;
  });
  /** @type {Result[]} */
  const results = [];
  for (const { label, argv, dir, env, tool } of subjects) {
    const fault = faults.get(label);
    if (fault === undefined) prepare(row, shape, { label, argv, dir, env, ...(tool && { tool }) });
    const mib =
      fault === undefined ? await peakMemory(argv, { cwd: dir, env, log: join(dir, '..', 'output') }) : undefined;
    const version = tool?.version;
    results.push({
      label,
      ...(version !== undefined && { version }),
      times: fault === undefined ? (times.get(label) ?? []) : [],
      ...(mib !== undefined && { mib }),
      ...(fault !== undefined && { fault }),
    });
  }
  return results;
}
