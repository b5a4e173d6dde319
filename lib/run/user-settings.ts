// What a user settles once for all pipelines about where stages run: keys of the user's configuration file.

import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { toPlain } from '../core/value.ts';
import { isExecutorName, refuseExtra } from '../pipeline/placement.ts';
import { executorNames } from '../pipeline/pipeline.ts';
import type { ExecutorName, SlurmSettings } from '../pipeline/pipeline.ts';
import { readUserConfig, userConfigPath } from './user-config.ts';

export interface UserSettings {
  /** Where stages run that do not say so. */
  readonly executor?: ExecutorName;
  readonly slurm: SlurmSettings;
  /** Jobs on the cluster at a time. */
  readonly slurmJobs?: number;
  /** Seconds between two signs of life of a job. */
  readonly heartbeat?: number;
  /** How dagrun is started on a node that shares no file system: words for `sh`. */
  readonly dagrun?: string;
}

const topKeys = ['executor', 'slurm'];
const slurmKeys = ['partition', 'account', 'qos', 'extra', 'jobs', 'heartbeat', 'dagrun'];

/** The settings; empty ones where there is no file. */
export async function readUserSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Result<UserSettings, CommandFailure>> {
  const config = await readUserConfig(environment);
  if (!config.ok) return config;
  const path = userConfigPath(environment);
  return parseUserSettings(toPlain(config.value), (message, hint) =>
    err(failure('configuration', { message: `${path}: ${message}`, hint })),
  );
}

type Refuse = (message: string, hint?: string) => Result<never, CommandFailure>;

/** Checks the parsed file; `refuse` makes a failure of what is wrong with it. */
export function parseUserSettings(value: unknown, refuse: Refuse): Result<UserSettings, CommandFailure> {
  if (!isMap(value)) return refuse('expected a map');
  // Other keys are for other parts of the program; but a slip of the pen would be read by nobody.
  const slip = Object.keys(value).filter((key) => suggest(key, topKeys) !== undefined);
  const odd =
    findUnknown(Object.fromEntries(slip.map((key) => [key, null])), topKeys) ??
    findUnknown(isMap(value['slurm']) ? value['slurm'] : {}, slurmKeys, 'slurm.');
  if (odd !== undefined) return refuse(odd.message, odd.hint);
  const { executor, slurm = {} } = value;
  if (executor !== undefined && !isExecutorName(executor))
    return refuse(`executor: expected ${executorNames.join(' or ')}, got ${JSON.stringify(executor)}`);
  if (!isMap(slurm)) return refuse('slurm: expected a map');
  const wrong = findWrong(slurm);
  if (wrong !== undefined) return refuse(wrong);
  const { jobs, heartbeat, dagrun, extra, ...words } = slurm;
  return ok({
    ...(executor === undefined ? {} : { executor }),
    slurm: { ...(words as Partial<SlurmSettings>), extra: (extra ?? []) as readonly string[] },
    ...(typeof jobs === 'number' ? { slurmJobs: jobs } : {}),
    ...(typeof heartbeat === 'number' ? { heartbeat } : {}),
    ...(typeof dagrun === 'string' ? { dagrun } : {}),
  });
}

function findUnknown(
  map: Readonly<Record<string, unknown>>,
  known: readonly string[],
  prefix = '',
): { readonly message: string; readonly hint: string } | undefined {
  const odd = Object.keys(map).find((key) => !known.includes(key));
  if (odd === undefined) return undefined;
  const near = suggest(odd, known);
  return {
    message: `there is no setting "${prefix}${odd}"`,
    hint: near === undefined ? `there are: ${known.join(', ')}` : `did you mean "${prefix}${near}"?`,
  };
}

function findWrong(slurm: Readonly<Record<string, unknown>>): string | undefined {
  for (const key of ['partition', 'account', 'qos', 'dagrun'])
    if (slurm[key] !== undefined && (typeof slurm[key] !== 'string' || slurm[key] === ''))
      return `slurm.${key}: expected text`;
  for (const key of ['jobs', 'heartbeat'])
    if (slurm[key] !== undefined && !(Number.isSafeInteger(slurm[key]) && Number(slurm[key]) > 0))
      return `slurm.${key}: expected a whole number from 1`;
  const { extra } = slurm;
  if (extra === undefined) return undefined;
  if (!Array.isArray(extra) || !extra.every((option) => typeof option === 'string'))
    return 'slurm.extra: expected a list of options of sbatch';
  const refused = extra.map(refuseExtra).find((message) => message !== undefined);
  return refused === undefined ? undefined : `slurm.extra: ${refused}`;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
