// Puts the peers into bench/work, each by its ordinary package client, and says which are there. Knows nothing of pipelines.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
export const WORK = join(BENCH, 'work');
const PEERS = join(WORK, 'peers');
const VENV = join(WORK, 'dvc');
export const MODULES = join(PEERS, 'node_modules');
export const DAGRUN = join(dirname(BENCH), 'dist', 'cli.cjs');

export const NPM_PEERS = { turbo: '2.11.11', nx: '24.0.6', wireit: '0.14.13' };
/** Debian's name of each program. */
const DEBIAN = { ninja: 'ninja-build', make: 'make', snakemake: 'snakemake', xxhsum: 'xxhash', git: 'git' };

/** @param {string} program */
export function which(program) {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/**
 * Runs an installer with the caller's own environment: package clients may need certificates or proxies set there.
 * @param {string} program @param {string[]} args @param {string} cwd @returns {boolean} whether it worked
 */
function installs(program, args, cwd) {
  console.error(`installing: ${program} ${args.join(' ')}`);
  try {
    execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'], timeout: 30 * 60_000 });
    return true;
  } catch (error) {
    console.error(`  failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    return false;
  }
}

/** @param {keyof typeof NPM_PEERS} name */
function npmVersion(name) {
  const file = join(MODULES, name, 'package.json');
  return existsSync(file) ? /** @type {string} */ (JSON.parse(readFileSync(file, 'utf8')).version) : undefined;
}

/** Installs what of `wanted` is missing: npm peers and DVC into bench/work, the rest by apt when run as root on Debian. @param {string[]} wanted */
export function installMissing(wanted) {
  mkdirSync(PEERS, { recursive: true });
  const npm = Object.entries(NPM_PEERS).filter(
    ([name, version]) => wanted.includes(name) && npmVersion(/** @type {never} */ (name)) !== version,
  );
  if (npm.length > 0) {
    if (!existsSync(join(PEERS, 'package.json')))
      writeFileSync(join(PEERS, 'package.json'), '{ "name": "bench-peers", "private": true }\n');
    installs(
      'npm',
      ['install', '--prefix', PEERS, '--no-audit', '--no-fund', ...npm.map(([name, version]) => `${name}@${version}`)],
      PEERS,
    );
  }
  if (wanted.includes('dvc') && !existsSync(join(VENV, 'bin', 'dvc')) && which('python3') !== undefined) {
    if (installs('python3', ['-m', 'venv', VENV], WORK))
      installs(join(VENV, 'bin', 'pip'), ['install', '-q', 'dvc'], WORK);
  }
  const debian = Object.entries(DEBIAN).filter(([program]) => wanted.includes(program) && which(program) === undefined);
  if (debian.length === 0 || process.getuid?.() !== 0 || which('apt-get') === undefined) return;
  installs('apt-get', ['update', '-qq'], WORK);
  for (const [, name] of debian) installs('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], WORK);
}

/** The program's own word on its version; undefined where it is not there or does not start. @param {string | undefined} path @param {string[]} args */
function versionOf(path, args = ['--version']) {
  if (path === undefined) return undefined;
  try {
    const text = execFileSync(path, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return /\d+(\.\d+)+\S*/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}

/** What is on this machine, by name; undefined where it is not available. @returns {Record<string, { path: string, version: string } | undefined>} */
export function findPrograms() {
  const found = (/** @type {string | undefined} */ path, /** @type {string | undefined} */ version) =>
    path !== undefined && version !== undefined ? { path, version } : undefined;
  const system = (/** @type {string} */ name) => found(which(name), versionOf(which(name)));
  const xxhsum = which('xxhsum');
  const turboBinary = join(MODULES, '@turbo', `linux-${process.arch === 'x64' ? '64' : process.arch}`, 'bin', 'turbo');
  const dvc = join(VENV, 'bin', 'dvc');
  return {
    ninja: system('ninja'),
    make: system('make'),
    snakemake: system('snakemake'),
    git: system('git'),
    find: system('find'),
    // xxhsum writes its version to stderr.
    xxhsum: found(xxhsum, xxhsum === undefined ? undefined : 'Debian'),
    turbo: found(join(MODULES, '.bin', 'turbo'), npmVersion('turbo')),
    'turbo-binary': found(existsSync(turboBinary) ? turboBinary : undefined, npmVersion('turbo')),
    nx: found(join(MODULES, '.bin', 'nx'), npmVersion('nx')),
    wireit: found(join(MODULES, '.bin', 'wireit'), npmVersion('wireit')),
    dvc: found(existsSync(dvc) ? dvc : undefined, versionOf(existsSync(dvc) ? dvc : undefined)),
    dagrun: found(
      existsSync(DAGRUN) ? DAGRUN : undefined,
      versionOf(existsSync(DAGRUN) ? process.execPath : undefined, [DAGRUN, '--version']),
    ),
  };
}
