// What can be known to be wrong before the first command starts: a typing error in the parameters of the last stage should not
// cost the hours that the stages before it take.

import { posix } from 'node:path';
import { failure } from '../core/failure.ts';
import type { CommandFailure, Fault } from '../core/failure.ts';
import { overlaps } from '../core/path.ts';
import { readSource } from '../core/source.ts';
import { suggest } from '../core/suggest.ts';
import { isList, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import type { ParamDep, Place, SchemaUse, Stage } from '../pipeline/pipeline.ts';
import type { Decision } from '../plan/decide.ts';
import type { Plan } from '../plan/select.ts';
import { selectParam } from './inputs.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';

/** Whether the plan is looked at as a whole before this is carried out: what is skipped or restored was right once. */
export function needsPreflight(decision: Decision): boolean {
  return decision.kind !== 'skip' && decision.kind !== 'restore';
}

/** Everything that is wrong with the parameters of the plan: with the files as such first. Then outs that may not be written. */
export async function findFaults(project: Project, plan: Plan): Promise<readonly Fault[]> {
  return [
    ...(await findSchemaFaults(project)),
    ...(await findMissingParams(project, plan)),
    ...findOutsBehindLinks(project, plan),
  ];
}

/**
 * What a run would refuse to begin with, for commands that only say what it would do. Params that a stage lacks are
 * reasons of that stage there.
 */
export async function foreseeRefusal(
  project: Project,
  plan: Plan,
  assessments: readonly { readonly decision: Decision }[],
): Promise<CommandFailure | undefined> {
  if (!assessments.some(({ decision }) => needsPreflight(decision))) return undefined;
  const faults = [...(await findSchemaFaults(project)), ...findOutsBehindLinks(project, plan)];
  return faults.length === 0 ? undefined : failure('configuration', ...faults);
}

/** Where parameter files do not fit their schemas; files that a stage makes are not looked at. */
async function findSchemaFaults(project: Project): Promise<readonly Fault[]> {
  const { stages } = project.graph;
  return checkUses(
    project,
    project.pipeline.schemas.filter(({ file }) => !stages.some((stage) => makes(stage, file))),
  );
}

/** The same for the files that the stage has just made. */
export async function findMadeFaults(project: Project, stage: Stage): Promise<readonly Fault[]> {
  return checkUses(
    project,
    project.pipeline.schemas.filter(({ file }) => makes(stage, file)),
  );
}

function makes(stage: Stage, file: string): boolean {
  return stage.outs.some((out) => overlaps(out.path, file));
}

async function checkUses(project: Project, uses: readonly SchemaUse[]): Promise<readonly Fault[]> {
  if (uses.length === 0) return [];
  const { checkValues } = await import('../pipeline/conform.ts');
  const faults = new Map<string, Fault>();
  for (const { file, schema, at, schemaAt } of uses) {
    const values = readText(project, file, at, 'parameter file');
    const rules = readText(project, schema, schemaAt, 'schema');
    const unread = [values, rules].filter((one) => typeof one !== 'string');
    const found =
      typeof values === 'string' && typeof rules === 'string'
        ? checkValues({ file, text: values }, { file: schema, text: rules })
        : unread;
    // A schema of several files is reported once.
    for (const fault of found) faults.set(JSON.stringify([fault.at, fault.message]), fault);
  }
  return [...faults.values()];
}

/** The text, or why it cannot be had. */
function readText(project: Project, path: string, place: Place, what: string): string | Fault {
  const at = project.position(place);
  const source = readSource(absolute(project, path), path);
  if (!source.ok) return { at, ...source.error };
  if (source.value !== undefined) return source.value;
  return { at, message: `the ${what} "${path}" does not exist`, hint: 'create it, or correct "schemas"' };
}

/** Outs that the lock has (`dagrun commit` takes them as they are) may stay up to date. */
function findOutsBehindLinks(project: Project, plan: Plan): Fault[] {
  const faults: Fault[] = [];
  const links = new Map<string, string | undefined>();
  for (const index of plan.order) {
    const stage = project.graph.stages[index]!;
    if (stage.frozen || project.lock.get(stage.name) !== undefined) continue;
    for (const out of stage.outs) {
      const folder = posix.dirname(out.path);
      if (!links.has(folder)) links.set(folder, project.outs.behindLink(out.path));
      const link = links.get(folder);
      if (link === undefined) continue;
      faults.push({
        at: project.position(out.at),
        message: `out "${out.path}" of stage "${stage.name}" lies behind "${link}", a link that leads out of the workspace`,
        hint: `make "${link}" a folder; another disk can be mounted there (mount --bind), or the whole workspace moved to it`,
      });
    }
  }
  return faults;
}

/** Params that are missing or cannot be read, of all stages of the plan; files that a stage makes are not looked at. */
async function findMissingParams(project: Project, plan: Plan): Promise<Fault[]> {
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
  return up[index]!.some((other) => makes(stages[other]!, file));
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
