// Where the commands of a stage run, and what is asked of the cluster there. Pure: knows no cluster.

import { valueAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { executorNames } from './pipeline.ts';
import type { ExecutorName, SlurmSettings, Stage } from './pipeline.ts';
import type { Node } from './yaml.ts';

/** Options of sbatch that dagrun sets itself, or that would turn one job into something else. */
const ownOptions = new Set(
  'array chdir comment error export export-file help hold input job-name kill-on-invalid-dep no-requeue open-mode output parsable requeue test-only usage version wait wait-all-nodes wrap'.split(
    ' ',
  ),
);

/** What is wrong with an item of `extra`; undefined: nothing. */
export function refuseExtra(option: string): string | undefined {
  const name = /^--([a-z][a-z0-9-]*)(=|$)/.exec(option)?.[1];
  if (name === undefined) return `"${option}" is not an option of the form --name or --name=value`;
  return ownOptions.has(name) ? `--${name} is set by dagrun` : undefined;
}

/** True for a resource that Slurm hands out as a generic resource: `gpu`, or `gpu:<type>`. */
export function isGres(resource: string): boolean {
  return /^gpu(:.|$)/.test(resource);
}

export function isExecutorName(name: unknown): name is ExecutorName {
  return (executorNames as readonly unknown[]).includes(name);
}

export function readPlacement(fields: Fields): Pick<Stage, 'executor' | 'slurm'> {
  const executor = valueAt(fields.draft, 'executor');
  const slurm = valueAt(fields.draft, 'slurm');
  // The schema has checked that it is one of the names.
  const named = executor?.kind === 'scalar' && isExecutorName(executor.value) ? executor.value : undefined;
  return {
    ...(named === undefined ? {} : { executor: named }),
    ...(slurm?.kind === 'map' ? { slurm: readSlurm(fields, slurm) } : {}),
  };
}

function readSlurm({ reader }: Fields, node: Node & { readonly kind: 'map' }): SlurmSettings {
  const settings: Record<string, string> = {};
  for (const field of ['partition', 'account', 'qos'] as const) {
    const value = node.entries.get(field)?.value;
    const text = value === undefined ? undefined : reader.text(value, `slurm.${field}`);
    if (text !== undefined) settings[field] = text;
  }
  const list = node.entries.get('extra')?.value;
  const extra = (list === undefined ? [] : reader.list(list, 'slurm.extra')).flatMap((item) => {
    const option = reader.text(item, 'slurm.extra');
    const refused = option === undefined ? undefined : refuseExtra(option);
    if (refused !== undefined) reader.fault(item, `slurm.extra: ${refused}`, { derived: true });
    return option === undefined ? [] : [option];
  });
  return { ...settings, extra };
}
