// The programs that take part, installed into bench/work where that is possible. One that is not there is "not available".

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const work = fileURLToPath(new URL('../work/remote', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
/** Where the tests of remotes have opendal. */
const packages = fileURLToPath(new URL('../../test/remote/servers', import.meta.url));
const venv = join(work, 'dvc');
const gateway = { module: 'github.com/versity/versitygw/cmd/versitygw', version: '1.8.0' };
const dvcPackages = ['dvc[s3,webdav]==3.67.1'];
const opendal = 'opendal@0.49.2';

export interface Program {
  readonly command: readonly string[];
  readonly version: string;
}

export type ProgramName = 'dagrun' | 'rclone' | 'dvc' | 'versitygw';

/** With the environment of the caller: package clients may need certificates or proxies that are set there. */
function install(command: string, args: readonly string[], env = {}): boolean {
  console.error(`installing: ${command} ${args.join(' ')}`);
  const options = { stdio: ['ignore', 'ignore', 'inherit'] as const, timeout: 30 * 60_000 };
  return (
    spawnSync(command, args, { ...options, stdio: [...options.stdio], env: { ...process.env, ...env } }).status === 0
  );
}

function installMissing(): void {
  mkdirSync(work, { recursive: true });
  if (!existsSync(join(packages, 'node_modules', 'opendal')))
    install('npm', ['install', '--prefix', join(work, 'npm'), '--no-audit', '--no-fund', opendal]);
  if (!existsSync(join(work, 'bin', 'versitygw')))
    install('go', ['install', `${gateway.module}@v${gateway.version}`], { GOBIN: join(work, 'bin') });
  if (!existsSync(join(venv, 'bin', 'dvc')) && install('python3', ['-m', 'venv', venv]))
    install(join(venv, 'bin', 'pip'), ['install', '-q', ...dvcPackages]);
}

function ask(...command: readonly string[]): Program | undefined {
  const [program = '', ...args] = command;
  const said = spawnSync(program, [...args, program.endsWith('rclone') ? 'version' : '--version'], {
    encoding: 'utf8',
  });
  if (said.status !== 0) return undefined;
  return { command, version: /v?(\d+\.\d+\S*)/i.exec(said.stdout)?.[1] ?? 'of unknown version' };
}

/** What is on this machine, by name. */
export function findPrograms(options: {
  readonly install: boolean;
}): Readonly<Record<ProgramName, Program | undefined>> {
  if (options.install) installMissing();
  const server = ask(join(work, 'bin', 'versitygw'));
  return {
    dagrun: ask(process.execPath, cli),
    rclone: ask('rclone'),
    dvc: ask(join(venv, 'bin', 'dvc')),
    // It does not know its own version where Go has built it.
    versitygw: server === undefined ? undefined : { ...server, version: gateway.version },
  };
}

/** For the environment of dagrun: a folder with opendal. */
export function packageFolder(): string {
  return existsSync(join(packages, 'node_modules', 'opendal')) ? packages : join(work, 'npm');
}

/** Nothing of the caller's but what finds programs: no keys, no certificates, no configuration. */
export function plainEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: join(work, 'home'), LANG: 'C.UTF-8', ...more };
}

export interface Started {
  readonly stop: () => void;
}

export function start(command: readonly string[], env: Readonly<Record<string, string>>): Started {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: plainEnvironment(env), stdio: 'ignore' });
  return { stop: () => void child.kill('SIGKILL') };
}
