// Tries every change of the matrix against dagrun and each available peer, and prints what was seen.
//   node bench/change-matrix.mjs [--peers a,b] [--write] [--no-install]
// Exits with 1 where dagrun gets a line wrong, with 2 where dagrun is not built.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SETTLE_MS, changes, describeSeen, isRight, rightOuts } from './lib/changes.mjs';
import { dialects } from './lib/dialects.mjs';
import { WORK, installMissing } from './lib/install.mjs';
import { timeProcess } from './lib/measure.mjs';
import { changesPipeline } from './lib/pipelines.mjs';
import { writeMatrix } from './lib/record.mjs';
import { allTools, stopOnInterrupt, stopTool, writeProject } from './lib/tools.mjs';

/** @typedef {import('./lib/tools.mjs').Tool} Tool */
/** @typedef {import('./lib/changes.mjs').Change} Change */

const STAGES = changesPipeline().stages.length;

/** @param {string} value stage p's parameter */
function pipelineWith(value) {
  const shape = changesPipeline();
  return {
    ...shape,
    stages: shape.stages.map((stage) => (stage.param === undefined ? stage : { ...stage, param: value })),
  };
}

/** Builds the project, makes the change, runs the tool once more. @param {Tool} tool @param {Change} change @returns {Promise<import('./lib/changes.mjs').Seen>} */
async function tryChange(tool, change) {
  const dir = join(WORK, 'matrix', tool.name, 'project');
  const log = join(dir, '..', 'log');
  const [argv = []] = Object.values(tool.commands);
  let parameter = 'one';
  let missedOnTheWay = false;
  const run = () => timeProcess(argv, { cwd: dir, env: tool.env, log: join(dir, '..', 'output'), timeoutMs: 120_000 });
  const mustRun = async () => {
    const { code, output } = await run();
    if (code !== 0) throw new Error(`${tool.name} failed before the change "${change.title}" was made:\n${output}`);
  };
  const runOnTheWay = async () => {
    await mustRun();
    missedOnTheWay ||= outsAreWrong(dir, parameter);
  };
  const setParameter = (/** @type {string} */ value) => {
    parameter = value;
    dialects[tool.dialect](dir, pipelineWith(value));
  };
  try {
    writeProject(tool, dir, pipelineWith(parameter));
    await mustRun();
    if (outsAreWrong(dir, parameter)) throw new Error(`${tool.name}: the first run made wrong outs`);
    if (change.hurry !== true) await pause(SETTLE_MS);
    await change.make({ dir, run: runOnTheWay, setParameter });
    rmSync(log, { force: true });
    if (change.hurry !== true) await pause(SETTLE_MS);
    const { code } = await run();
    const executed = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').toSorted() : [];
    return { failed: code !== 0, executed, right: !missedOnTheWay && !outsAreWrong(dir, parameter) };
  } finally {
    stopTool(tool, dir);
  }
}

/** @param {string} dir @param {string} parameter */
function outsAreWrong(dir, parameter) {
  const wrong = ([/** @type {string} */ path, /** @type {string} */ text]) =>
    !existsSync(join(dir, path)) || readFileSync(join(dir, path), 'utf8') !== text;
  return Object.entries(rightOuts(dir, parameter)).some(wrong);
}

async function main() {
  const { values } = parseArgs({
    options: { peers: { type: 'string' }, write: { type: 'boolean' }, 'no-install': { type: 'boolean' } },
  });
  const known = allTools().map((tool) => tool.name);
  const wanted = values.peers?.split(',') ?? known;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    console.error(`unknown peer "${unknown}"; one of: ${known.join(', ')}`);
    return 2;
  }
  mkdirSync(WORK, { recursive: true });
  if (values['no-install'] !== true) installMissing([...wanted.map((name) => name.replace('-daemon', '')), 'git']);
  const tools = allTools().filter(({ name }) => name === 'dagrun' || wanted.includes(name));
  const mistakes = [];
  const lines = [];
  for (const change of changes) {
    const cells = [];
    for (const tool of tools) {
      const seen = tool.version === undefined ? undefined : await tryChange(tool, change);
      cells.push(seen === undefined ? 'not available' : describeSeen(change, seen, STAGES));
      if (tool.name === 'dagrun' && seen !== undefined && !isRight(change, seen))
        mistakes.push(`${change.title}: ${cells.at(-1)}`);
    }
    const must = change.must.length === 0 ? change.quiet : `runs ${change.must.join(' ')}`;
    lines.push(`| ${[change.title, must, ...cells].join(' | ')} |`);
    console.error(`${change.title}: done`);
  }
  rmSync(join(WORK, 'matrix'), { recursive: true, force: true });
  const heads = tools.map(({ name, version }) => (version === undefined ? name : `${name} ${version}`));
  const table = `| change | must | ${heads.join(' | ')} |\n|${' --- |'.repeat(tools.length + 2)}\n${lines.join('\n')}\n`;
  console.log(table);
  if (values.write === true) writeMatrix(table);
  for (const mistake of mistakes) console.error(`dagrun is wrong at ${mistake}`);
  if (tools.some(({ name, version }) => name === 'dagrun' && version === undefined))
    console.error('dagrun is not built: npm run build');
  return mistakes.length > 0 ? 1 : tools[0]?.version === undefined ? 2 : 0;
}

stopOnInterrupt();
process.exitCode = await main();
