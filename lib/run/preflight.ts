// What can be known to be wrong before the first command starts: a typing error in the parameters of the last stage should not
// cost the hours that the stages before it take.

import type { Fault } from '../core/failure.ts';
import { overlaps } from '../core/path.ts';
import { suggest } from '../core/suggest.ts';
import { isList, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import type { ParamDep } from '../pipeline/pipeline.ts';
import type { Plan } from '../plan/select.ts';
import { selectParam } from './inputs.ts';
import type { Project } from './project.ts';

/** Params that are missing or cannot be read, of all stages of the plan; files that a stage makes are not looked at. */
export async function findMissingParams(project: Project, plan: Plan): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const index of plan.order) {
    const stage = project.graph.stages[index]!;
    if (stage.frozen) continue;
    for (const param of stage.params) {
      if (isMade(project, index, param.file)) continue;
      const looked = project.files.params(param.file);
      const document = looked instanceof Promise ? await looked : looked;
      if (document.ok && selectParam(document.value, param) !== undefined) continue;
      faults.push(
        document.ok
          ? unknownKey(project, stage.name, param, document.value)
          : {
              at: project.position(param.at),
              message: `stage "${stage.name}" needs ${param.file}: ${document.error.message}`,
            },
      );
    }
  }
  return faults;
}

function isMade(project: Project, index: number, file: string): boolean {
  const { up, stages } = project.graph;
  return up[index]!.some((other) => stages[other]!.outs.some((out) => overlaps(out.path, file)));
}

function unknownKey(project: Project, stage: string, param: ParamDep, document: Value): Fault {
  const key = param.key ?? '';
  const near = suggest(key, keysOf(document));
  return {
    at: project.position(param.at),
    message: `stage "${stage}" needs the param "${key}", which ${param.file} does not have`,
    hint: near === undefined ? `add it to ${param.file}, or correct the key` : `did you mean "${near}"?`,
  };
}

function keysOf(value: Value, prefix = ''): string[] {
  const entries = isList(value) ? [...value.entries()] : isObject(value) ? Object.entries(value) : [];
  return entries.flatMap(([key, item]) => {
    const path = prefix === '' ? String(key) : `${prefix}.${key}`;
    return [path, ...keysOf(item, path)];
  });
}
