// What sbatch is asked for: the resources of a stage and its settings, as options. Pure.

import { isGres } from '../../pipeline/placement.ts';
import type { Job } from '../../plan/ports.ts';

export interface BatchPlace {
  /** Absolute path of the batch's folder. */
  readonly folder: string;
  /** What the job is called before its stage. */
  readonly project: string;
  readonly comment: string;
  /** Jobs that are submitted together with this one, itself included. */
  readonly jobs: number;
  /** The nodes do not see the folder. */
  readonly unseen?: boolean;
  /** Bytes that the job takes besides its commands. Default: 0. */
  readonly besides?: number;
}

/** Where nodes keep what Slurm and the script itself write, if they cannot see the folder of the batch. */
export const outputsOnNode = '/tmp';

/** Absolute path of the output of a job that is carried, on its node. */
export function outputOnNode(job: string): string {
  return `${outputsOnNode}/dagrun-${job}.out`;
}

/** Minutes that Slurm's own limit is later than that of the stage, which the script keeps to the second. */
const slack = 2;

/** Options in the order in which sbatch reads them: what the user gives comes last, and so wins. `job`: the first of its batch. */
export function sbatchOptions(job: Job, place: BatchPlace): readonly string[] {
  const isArray = place.jobs > 1;
  return [
    '--parsable',
    '--no-requeue',
    '--export=ALL',
    '--chdir=/',
    '--open-mode=append',
    // Slurm replaces %x in file names, and a backslash would switch that off.
    place.unseen === true
      ? `--output=${outputOnNode('%j')}`
      : `--output=${place.folder.replaceAll('%', '%%')}/slurm.${isArray ? '%a' : '0'}`,
    `--job-name=${jobName(place.project, job.stage, place.jobs)}`,
    `--comment=${place.comment}`,
    ...(isArray ? [`--array=0-${place.jobs - 1}`] : []),
    ...requestOf(job, place.besides),
  ];
}

/**
 * What a job asks the cluster for: jobs that ask for the same may be one array. `besides`: bytes on top of what the stage asks for; where it
 * asks for none, the cluster's default has to do.
 */
export function requestOf(job: Job, besides = 0): readonly string[] {
  const { cpu = 1, memory } = job.resources;
  const settings = job.batch?.settings ?? { extra: [] };
  const gres = Object.entries(job.resources).filter(([name, amount]) => isGres(name) && amount > 0);
  const option = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`--${name}=${value}`];
  return [
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cpu}`,
    ...option('mem', memory === undefined ? undefined : `${Math.ceil((memory + besides) / 1024)}K`),
    ...option('gres', gres.length === 0 ? undefined : gres.map(([name, amount]) => `${name}:${amount}`).join(',')),
    ...option('time', job.timeout === null ? undefined : String(Math.ceil(job.timeout / 60) + slack)),
    ...option('partition', settings.partition),
    ...option('account', settings.account),
    ...option('qos', settings.qos),
    ...settings.extra,
  ];
}

/** An array has one name: that of its first stage, and how many others there are. */
function jobName(project: string, stage: string, jobs: number): string {
  const others = jobs > 1 ? `+${jobs - 1}` : '';
  return `${project}/${stage}${others}`.replace(/\s+/g, '_');
}

type Environment = Readonly<Record<string, string>>;

/**
 * The environment that jobs inherit through sbatch: that of the stage, without what belongs to a job that the runner itself may be in,
 * and without the marks by which processes are found, since a job outlives its runner on purpose.
 */
export function jobEnvironment(env: Environment): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name]) => (!/^SLURM_/.test(name) || name === 'SLURM_CONF') && name !== 'DAGRUN_RUNNER' && name !== 'DAGRUN_JOB',
  );
  return Object.fromEntries(kept);
}

/** Variables in which an environment differs from another one; undefined: it has none of that name. */
export function changesFrom(base: Environment, env: Environment): readonly (readonly [string, string | undefined])[] {
  const changed = Object.entries(env).filter(([name, value]) => base[name] !== value);
  const gone = Object.keys(base).filter((name) => !Object.hasOwn(env, name));
  return [...changed, ...gone.map((name) => [name, undefined] as const)];
}

/** Variables that a shell cannot set, so that jobs can only be submitted together where they are the same. */
export function oddVariables(env: Environment): readonly (readonly [string, string])[] {
  return Object.entries(env).filter(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
}
