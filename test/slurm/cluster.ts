// A real Slurm of this machine's own programs, as ordinary processes on 127.0.0.1: munged, slurmctld, and slurmd for two virtual nodes.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** What has to be installed; Debian: slurmctld slurmd slurm-client munge. */
const programs = ['slurmctld', 'slurmd', 'munged', 'sbatch', 'squeue', 'scancel'];
/** Debian keeps the daemons where only root's PATH goes. */
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/** The first program that is missing; undefined: a cluster can be started. */
export function missingProgram(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  return programs.find((program) => {
    try {
      execFileSync('/bin/sh', ['-c', `command -v ${program}`], { env: { PATH: path }, stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

export const nodes = ['n1', 'n2'] as const;
export type NodeName = (typeof nodes)[number];

/** Longest wait for something that should happen soon, in milliseconds. */
const patience = 60_000;

export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export interface ClusterOptions {
  /** Further lines of its configuration. */
  readonly settings?: readonly string[];
  /** A folder in whose place the nodes see an empty one of their own: only root can have that. */
  readonly hidden?: string;
}

export class Cluster {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'dagrun-slurm-')));
  readonly #daemons = new Map<string, ChildProcess>();
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
  }

  /** Where it keeps its logs, its state and what its nodes are about to run. */
  get folder(): string {
    return this.#folder;
  }

  /** What dagrun and Slurm's own programs need to find it. */
  get env(): Readonly<Record<string, string>> {
    return { SLURM_CONF: join(this.#folder, 'slurm.conf'), DAGRUN_CONFIG: join(this.#folder, 'config.yaml') };
  }

  async start(): Promise<void> {
    for (const name of ['munge', 'state', ...nodes]) mkdirSync(join(this.#folder, name), { mode: 0o755 });
    writeFileSync(join(this.#folder, 'munge/key'), randomBytes(128), { mode: 0o600 });
    const [controller, first, second] = await freePorts(3);
    writeFileSync(join(this.#folder, 'slurm.conf'), this.#configuration([controller!, first!, second!]));
    writeFileSync(join(this.#folder, 'gres.conf'), 'NodeName=n1 Name=gpu File=/dev/null\n');
    writeFileSync(join(this.#folder, 'config.yaml'), 'slurm: {heartbeat: 3}\n');
    this.#spawn('munged', [
      '--foreground',
      '--force',
      '--num-threads=2',
      ...['socket', 'key-file', 'pid-file', 'log-file', 'seed-file'].map(
        (file) => `--${file}=${join(this.#folder, 'munge', file.replace('-file', ''))}`,
      ),
    ]);
    await until('munged', () => this.#tries('munge', ['--socket', join(this.#folder, 'munge/socket'), '--no-input']));
    this.startController();
    for (const node of nodes) this.startNode(node);
    await this.ready();
  }

  /** Every node can take jobs. */
  async ready(): Promise<void> {
    await until(`idle nodes\n${this.log()}`, () => {
      const states = this.#ask('sinfo', ['-h', '-N', '-o', '%t']).split('\n');
      return states.length === nodes.length && states.every((state) => state === 'idle' || state === 'mix');
    });
  }

  startController(): void {
    this.#spawn('slurmctld', ['-D']);
  }

  startNode(node: NodeName): void {
    const { hidden } = this.#options;
    const daemon = ['slurmd', '-D', '-N', node];
    const hide = ['-m', 'sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', hidden ?? '', ...daemon];
    if (hidden === undefined) this.#spawn('slurmd', daemon.slice(1), node);
    else this.#spawn('unshare', hide, node);
  }

  /**
   * Waits until the controller has saved what it knows now. One that is killed before has forgotten its newest jobs, and gives their ids to
   * others, which is not what any program could make good.
   */
  async saved(): Promise<void> {
    const since = Date.now();
    const id = this.ask('sbatch', '--parsable', '--hold', '--output=/dev/null', '--wrap=true');
    this.ask('scancel', id);
    await until(
      'the state of the controller',
      () => statSync(join(this.#folder, 'state/job_state')).mtimeMs > since + 50,
    );
  }

  /** Kills the controller, waits for the work, and removes all that the controller knew. */
  async forget(work: () => Promise<void>): Promise<void> {
    await this.kill('slurmctld');
    await work();
    rmSync(join(this.#folder, 'state'), { recursive: true });
    mkdirSync(join(this.#folder, 'state'), { mode: 0o755 });
  }

  /** SIGKILL: nothing is told to anybody. The steps of a node live on. */
  async kill(daemon: 'slurmctld' | NodeName): Promise<void> {
    const child = this.#daemons.get(daemon);
    if (child === undefined) return;
    this.#daemons.delete(daemon);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Runs one of Slurm's programs; empty where it fails. */
  #ask(program: string, args: readonly string[]): string {
    try {
      return execFileSync(program, args, { env: this.#fullEnv(), encoding: 'utf8', stdio: 'pipe' }).trim();
    } catch {
      return '';
    }
  }

  #tries(program: string, args: readonly string[]): boolean {
    try {
      execFileSync(program, args, { env: this.#fullEnv(), stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  ask(program: string, ...args: string[]): string {
    return this.#ask(program, args);
  }

  /** `id state` of every job that has not ended. */
  live(): string[] {
    return this.#ask('squeue', ['-h', '-o', '%A %T'])
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Batch scripts, and what they started in their own name, that are at work on the nodes: paths that name the job. */
  scripts(): string[] {
    return commandLines().filter((line) => line.includes(`${this.#folder}/`) && line.includes('slurm_script'));
  }

  log(): string {
    try {
      return readFileSync(join(this.#folder, 'slurmctld.log'), 'utf8').slice(-4000);
    } catch {
      return '';
    }
  }

  async stop(): Promise<void> {
    this.#ask('scancel', ['--full', '-u', String(process.getuid?.() ?? '')]);
    // Without its node's daemon a job would live on; with a node that was killed before it is not waited for.
    const deadline = performance.now() + 5000;
    while (this.#ask('squeue', ['-h']) !== '' && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const left = this.#daemons.keys();
    await Promise.all([...left].map((name) => this.kill(name as NodeName)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #fullEnv(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.env, PATH: path };
  }

  #spawn(program: string, args: readonly string[], name = program): void {
    const log = openSync(join(this.#folder, `${name}.out`), 'a');
    const child = spawn(program, args, { env: this.#fullEnv(), stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    this.#daemons.set(name, child);
  }

  #configuration([controller, first, second]: readonly [number, number, number]): string {
    const folder = this.#folder;
    const host = hostname().split('.', 1)[0]!;
    return [
      'ClusterName=test',
      `SlurmctldHost=${host}(127.0.0.1)`,
      `SlurmctldPort=${controller}`,
      'AuthType=auth/munge',
      `AuthInfo=socket=${folder}/munge/socket`,
      `SlurmUser=${userInfo().username}`,
      `SlurmdUser=${userInfo().username}`,
      `StateSaveLocation=${folder}/state`,
      `SlurmctldPidFile=${folder}/slurmctld.pid`,
      `SlurmdPidFile=${folder}/%n/slurmd.pid`,
      `SlurmdSpoolDir=${folder}/%n`,
      `SlurmctldLogFile=${folder}/slurmctld.log`,
      `SlurmdLogFile=${folder}/%n.log`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'SwitchType=switch/none',
      'MpiDefault=none',
      'MailProg=/bin/true',
      // Sampling once a second is what ends a job that takes too much memory.
      'JobAcctGatherType=jobacct_gather/linux',
      'JobAcctGatherFrequency=task=1',
      'JobAcctGatherParams=OverMemoryKill',
      'AccountingStorageType=accounting_storage/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_CPU_Memory',
      'DefMemPerCPU=256',
      'SchedulerParameters=batch_sched_delay=0',
      'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
      'SlurmdParameters=config_overrides',
      'ReturnToService=2',
      'KillWait=2',
      'SlurmdTimeout=10',
      'MessageTimeout=10',
      'GresTypes=gpu',
      `NodeName=n1 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${first} CPUs=8 RealMemory=8192 Gres=gpu:1`,
      `NodeName=n2 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${second} CPUs=8 RealMemory=8192`,
      'PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP',
      ...(this.#options.settings ?? []),
      '',
    ].join('\n');
  }
}

/** Of every process of this machine. */
export function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine);
}

/** Empty where the process has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
