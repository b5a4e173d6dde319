// How each tool is started, given a fresh project and stopped. Formats are in dialects.mjs, versions in install.mjs.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dialects, writeSources } from './dialects.mjs';
import { DAGRUN, MODULES, WORK, findPrograms } from './install.mjs';

/** @typedef {import('./pipelines.mjs').Shape} Shape */
/**
 * `commands`: the ways of starting it that are measured, the first one being the one that builds. `script`: the pipeline file, where a line may be a comment (`#`).
 * @typedef {{ name: string, version: string | undefined, dialect: keyof typeof dialects, commands: Record<string, string[]>,
 *   env: Record<string, string>, restores: boolean, npm: boolean, setup: string[][], script?: string, stop?: string[] }} Tool
 */

export const JOBS = 2;

/** Nothing of the caller's environment but PATH: no extra certificates to load, no telemetry, no colours, caches in bench/work. */
export function baseEnv() {
  const home = join(WORK, 'home');
  mkdirSync(home, { recursive: true });
  return {
    PATH: `${join(MODULES, '.bin')}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    DO_NOT_TRACK: '1',
    GIT_AUTHOR_NAME: 'bench',
    GIT_AUTHOR_EMAIL: 'bench@localhost',
    GIT_COMMITTER_NAME: 'bench',
    GIT_COMMITTER_EMAIL: 'bench@localhost',
  };
}

/** Every tool of the bench, available or not. @returns {Tool[]} */
export function allTools() {
  const programs = findPrograms();
  const tool = (/** @type {string} */ name, /** @type {Partial<Tool> & Pick<Tool, 'commands'>} */ rest) => ({
    name,
    version: programs[name]?.version,
    dialect: /** @type {keyof typeof dialects} */ (name),
    restores: false,
    npm: false,
    setup: [],
    ...rest,
    env: { ...baseEnv(), ...rest.env },
  });
  const at = (/** @type {string} */ name) => programs[name]?.path ?? name;
  const nx = {
    version: programs['nx']?.version,
    dialect: /** @type {const} */ ('nx'),
    npm: true,
    restores: true,
    setup: [],
    commands: { '': [at('nx'), 'run', 'bench:all', `--parallel=${JOBS}`, '--outputStyle=static'] },
  };
  const nxEnv = { NX_NO_CLOUD: 'true', NX_INTERACTIVE: 'false', NX_TUI: 'false' };
  const turboArgs = [
    'run',
    'all',
    `--concurrency=${JOBS}`,
    '--cache-dir=.turbo/cache',
    '--ui=stream',
    '--output-logs=errors-only',
  ];
  return [
    tool('dagrun', {
      commands: {
        repro: [process.execPath, DAGRUN, 'repro', '-j', String(JOBS)],
        status: [process.execPath, DAGRUN, 'status'],
      },
      restores: true,
      script: 'pipeline.yaml',
    }),
    tool('ninja', { commands: { '': [at('ninja'), `-j${JOBS}`] }, script: 'build.ninja' }),
    tool('make', { commands: { '': [at('make'), '-s', `-j${JOBS}`] }, script: 'Makefile' }),
    tool('snakemake', {
      script: 'Snakefile',
      commands: { '': [at('snakemake'), '--cores', String(JOBS), '--quiet'] },
    }),
    tool('turbo', {
      commands: { '': [at('turbo'), ...turboArgs], 'binary alone': [at('turbo-binary'), ...turboArgs] },
      npm: true,
      restores: true,
      env: { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
    }),
    tool('nx', { ...nx, env: { ...nxEnv, NX_DAEMON: 'false' } }),
    tool('nx-daemon', { ...nx, env: { ...nxEnv, NX_DAEMON: 'true' }, stop: [at('nx'), 'daemon', '--stop'] }),
    tool('wireit', {
      commands: { '': [at('npm'), 'run', '--silent', 'all'] },
      npm: true,
      restores: true,
      env: {
        WIREIT_PARALLEL: String(JOBS),
        WIREIT_CACHE: 'local',
        WIREIT_LOGGER: 'quiet',
        npm_config_update_notifier: 'false',
      },
    }),
    tool('dvc', {
      commands: { repro: [at('dvc'), 'repro', '-q'], status: [at('dvc'), 'status', '-q'] },
      script: 'dvc.yaml',
      restores: true,
      setup: [
        [at('dvc'), 'init', '--no-scm', '-q', '-f'],
        [at('dvc'), 'config', 'core.analytics', 'false'],
        [at('dvc'), 'config', 'core.check_update', 'false'],
      ],
      env: { DVC_NO_ANALYTICS: '1', DVC_SITE_CACHE_DIR: '.dvc/site' },
    }),
  ];
}

/** A fresh folder with the pipeline in the tool's format, as an npm package under git for the tools that live in one. @param {Tool} tool @param {string} dir @param {Shape} shape */
export function writeProject(tool, dir, shape) {
  rmSync(join(dir, '..'), { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeSources(dir, shape);
  dialects[tool.dialect](dir, shape);
  if (tool.npm) symlinkSync(MODULES, join(dir, 'node_modules'));
  for (const [program = '', ...args] of tool.setup)
    execFileSync(program, args, { cwd: dir, env: tool.env, stdio: 'ignore' });
  if (tool.npm) commitAll(dir, tool.env);
  if (tool.stop !== undefined) daemons.set(dir, tool);
}

/** @param {string} dir @param {Record<string, string>} env */
export function commitAll(dir, env = baseEnv()) {
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    ['commit', '-q', '-m', 'sources'],
  ])
    execFileSync('git', args, { cwd: dir, env, stdio: 'ignore' });
}

let retired = 0;

/**
 * What a round left is put aside, not deleted: an ext4 without a journal looks at each file that was deleted in the last minutes before it makes a new one.
 * @param {string} place of the tool's folder @param {string} path
 */
const putAside = (place, path) => renameSync(path, `${place}-${retired++}`);

/** Sources and pipeline only, in a new folder of the same name: the next run is the first. @param {Tool} tool @param {string} dir @param {Shape} shape */
export function startAfresh(tool, dir, shape) {
  stopTool(tool, dir);
  putAside(join(dir, '..'), join(dir, '..'));
  writeProject(tool, dir, shape);
}

/** The folder of the outs is there, and empty. @param {string} dir */
export function removeOuts(dir) {
  putAside(join(dir, '..'), join(dir, 'out'));
  mkdirSync(join(dir, 'out'));
}

let edits = 0;

/** Another comment than before stands first in the pipeline file. @param {Tool} tool @param {string} dir */
export function editScript(tool, dir) {
  if (tool.script === undefined) throw new Error(`${tool.name}: where its pipeline may hold a comment is not known`);
  const path = join(dir, tool.script);
  writeFileSync(path, `# edit ${edits++}\n${readFileSync(path, 'utf8').replace(/^# edit \d+\n/, '')}`);
}

/** Projects whose tool may have left a daemon. @type {Map<string, Tool>} */
const daemons = new Map();

/** On Ctrl-C: ends every daemon that the bench caused, then the bench. */
export function stopOnInterrupt() {
  process.once('SIGINT', () => {
    for (const [dir, tool] of daemons) stopTool(tool, dir);
    process.exit(130);
  });
}

/** Ends what the tool left running for this folder. @param {Tool} tool @param {string} dir */
export function stopTool(tool, dir) {
  const [program, ...args] = tool.stop ?? [];
  daemons.delete(dir);
  if (program === undefined || !existsSync(dir)) return;
  try {
    execFileSync(program, args, { cwd: dir, env: tool.env, stdio: 'ignore', timeout: 60_000 });
  } catch {
    console.error(`${tool.name}: could not be stopped in ${dir}`);
  }
}
