// What sbatch is asked for: the resources of a stage and its settings, as options. Pure.

import { isGres } from '../../pipeline/placement.ts';
import type { Job } from '../../plan/ports.ts';

export interface BatchPlace {
  /** Absolute path of the job's folder. */
  readonly folder: string;
  /** What the job is called before its stage. */
  readonly project: string;
  readonly comment: string;
}

/** Minutes that Slurm's own limit is later than that of the stage, which the script keeps to the second. */
const slack = 2;

/** Options in the order in which sbatch reads them: what the user gives comes last, and so wins. */
export function sbatchOptions(job: Job, place: BatchPlace): readonly string[] {
  const { cpu = 1, memory } = job.resources;
  const settings = job.batch?.settings ?? { extra: [] };
  const gres = Object.entries(job.resources).filter(([name, amount]) => isGres(name) && amount > 0);
  const option = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`--${name}=${value}`];
  return [
    '--parsable',
    '--no-requeue',
    '--export=ALL',
    '--chdir=/',
    '--open-mode=append',
    // Slurm replaces %x in file names, and a backslash would switch that off.
    `--output=${place.folder.replaceAll('%', '%%')}/slurm.out`,
    `--job-name=${jobName(place.project, job.stage)}`,
    `--comment=${place.comment}`,
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cpu}`,
    ...option('mem', memory === undefined ? undefined : `${Math.ceil(memory / 1024)}K`),
    ...option('gres', gres.length === 0 ? undefined : gres.map(([name, amount]) => `${name}:${amount}`).join(',')),
    ...option('time', job.timeout === null ? undefined : String(Math.ceil(job.timeout / 60) + slack)),
    ...option('partition', settings.partition),
    ...option('account', settings.account),
    ...option('qos', settings.qos),
    ...settings.extra,
  ];
}

function jobName(project: string, stage: string): string {
  return `${project}/${stage}`.replace(/\s+/g, '_');
}

/**
 * The environment that the job inherits through sbatch: that of the stage, without what belongs to a job that the runner itself may be in,
 * and without the marks by which processes are found, since a job outlives its runner on purpose.
 */
export function jobEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name]) => (!/^SLURM_/.test(name) || name === 'SLURM_CONF') && name !== 'DAGRUN_RUNNER' && name !== 'DAGRUN_JOB',
  );
  return Object.fromEntries(kept);
}
