// From a draft to a Stage: reads every field, with paths placed and templates filled in.
// Always gives a Stage; where something was wrong it has been reported, and the pipeline is thrown away as a whole.

import type { Draft } from './expand.ts';
import { isRepeated, itemsOf, readFlag, valueAt } from './fields.ts';
import type { Fields, StageContext } from './fields.ts';
import { placeCode, placeDep, placeFile, placeWdir } from './paths.ts';
import type { CodeDep, Dep, ParamDep, RunsDep, Stage, StageName } from './pipeline.ts';
import { readOuts } from './outs.ts';
import { Reader } from './reader.ts';
import { readPlacement } from './placement.ts';
import { readResources, readRetries, readTimeout } from './resources.ts';
import { refuseParamFile } from './values.ts';
import { didYouMean } from './hint.ts';
import type { Node, Span } from './yaml.ts';

export function readStage(draft: Draft, context: StageContext): Stage {
  const fields = openFields(draft, context);
  const { reader, wdir } = fields;
  const desc = valueAt(draft, 'desc');
  const note = desc === undefined ? undefined : reader.text(desc, 'desc');
  return {
    name: draft.name as StageName,
    group: draft.group,
    at: context.shared.faults.placeOf(draft.at),
    cmd: readCommands(fields),
    wdir,
    deps: readDeps(fields),
    params: readParams(fields),
    code: readCode(fields),
    outs: readOuts(fields),
    env: readEnv(fields),
    host: readFlag(fields, 'host'),
    runs: readRuns(fields),
    relocatable: readFlag(fields, 'relocatable'),
    resources: readResources(fields),
    timeout: readTimeout(fields),
    retries: readRetries(fields),
    frozen: readFlag(fields, 'frozen'),
    alwaysChanged: readFlag(fields, 'always_changed'),
    ...readPlacement(fields),
    ...(readFlag(fields, 'push', true) ? {} : { push: false }),
    ...(note === undefined ? {} : { desc: note }),
  };
}

/** As in DVC, `wdir` is read before the variables of the stage, whose files are relative to it. */
function openFields(draft: Draft, context: StageContext): Fields {
  const { base } = context.rules;
  const first = new Reader(context.shared, draft.scope, draft.name);
  const node = valueAt(draft, 'wdir');
  const raw = node === undefined ? undefined : first.text(node, 'wdir');
  const placed = raw === undefined || node === undefined ? undefined : placeWdir(first, { raw, at: node, wdir: base });
  const wdir = placed ?? base;
  const scope = context.variables.forStage(draft.scope, valueAt(draft, 'vars'), { name: draft.group, wdir });
  return { context, draft, wdir, reader: first.withScope(scope) };
}

/** As in DVC, each line of a text is a command of its own, while an item of a list goes to the shell whole. */
function readCommands(fields: Fields): readonly string[] {
  const node = valueAt(fields.draft, 'cmd');
  if (node === undefined) return [];
  if (node.kind === 'list') return node.items.map((item) => readCommand(fields, item));
  return readCommand(fields, node)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
}

function readCommand({ reader }: Fields, node: Node): string {
  const text = reader.text(node, 'cmd', 'command');
  if (text === undefined) return '';
  if (text.trim() === '') reader.fault(node, 'cmd: the command is empty', { derived: true });
  if (text.includes('\0')) reader.fault(node, 'cmd: a command cannot contain a NUL character');
  return text;
}

function readDeps(fields: Fields): readonly Dep[] {
  const { reader, wdir, context } = fields;
  const seen = new Set<string>();
  return itemsOf(fields, 'deps').flatMap((item) => {
    const raw = reader.text(item, 'deps');
    const placed = raw === undefined ? undefined : placeDep(reader, { raw, at: item, wdir });
    if (placed === undefined) return [];
    if (isRepeated(fields, seen, placed.path, item, `deps: "${placed.path}" is named twice`)) return [];
    return [{ ...placed, at: context.shared.faults.placeOf(item) }];
  });
}

function readCode(fields: Fields): readonly CodeDep[] {
  const { reader, wdir, context } = fields;
  const seen = new Set<string>();
  return itemsOf(fields, 'code').flatMap((item) => {
    const raw = reader.text(item, 'code');
    const path = raw === undefined ? undefined : placeCode(reader, { raw, at: item, wdir });
    if (path === undefined || isRepeated(fields, seen, path, item, `code: "${path}" is named twice`)) return [];
    return [{ path, at: context.shared.faults.placeOf(item) }];
  });
}

function readEnv(fields: Fields): readonly string[] {
  const { reader } = fields;
  const seen = new Set<string>();
  return itemsOf(fields, 'env').flatMap((item) => {
    const name = reader.text(item, 'env');
    if (name === undefined) return [];
    if (name === '' || /[=\s\0]/.test(name)) {
      reader.fault(item, `env: "${name}" is not the name of an environment variable`, {
        hint: 'give the name alone; the value is taken from the environment',
        derived: name === '',
      });
      return [];
    }
    return isRepeated(fields, seen, name, item, `env: "${name}" is named twice`) ? [] : [name];
  });
}

function readRuns(fields: Fields): readonly RunsDep[] {
  const { reader, context } = fields;
  const seen = new Set<string>();
  return itemsOf(fields, 'runs').flatMap((item) => {
    const group = reader.text(item, 'runs');
    if (group === undefined || !isKnownGroup(fields, group, item)) return [];
    if (isRepeated(fields, seen, group, item, `runs: "${group}" is named twice`)) return [];
    return [{ group, at: context.shared.faults.placeOf(item) }];
  });
}

function isKnownGroup({ reader, draft, context }: Fields, group: string, at: Span): boolean {
  if (group === draft.group) {
    reader.fault(at, `runs: a stage cannot read its own history`, {
      hint: 'every run would make the next one necessary',
    });
    return false;
  }
  if (context.groupSet.has(group)) return true;
  const whole = group.split('@', 1)[0]!;
  const hint = context.groupSet.has(whole)
    ? `the history is that of all items: write "${whole}"`
    : () => didYouMean(group, context.groups);
  reader.fault(at, `runs: there is no stage "${group}"`, { hint });
  return false;
}

function readParams(fields: Fields): readonly ParamDep[] {
  const seen = new Set<string>();
  const add = (found: readonly ParamDep[]): readonly ParamDep[] =>
    found.filter(({ file, key }) => {
      const id = JSON.stringify([file, key]);
      return !seen.has(id) && seen.add(id);
    });
  return itemsOf(fields, 'params').flatMap((item) => {
    if (item.kind !== 'map') return add(readKeys(fields, 'params.yaml', item, [item]));
    return [...item.entries.values()].flatMap((entry) => {
      const raw = fields.reader.key(entry, 'params');
      if (raw === undefined) return [];
      const keys = entry.value.kind === 'list' ? entry.value.items : [];
      return add(readKeys(fields, raw, entry.at, keys));
    });
  });
}

/** No keys: the whole file. */
function readKeys(
  { reader, wdir, context }: Fields,
  raw: string,
  at: Span,
  keys: readonly Node[],
): readonly ParamDep[] {
  const file = placeFile(reader, { raw, at, wdir }, 'params');
  if (file === undefined) return [];
  const refused = refuseParamFile(file);
  if (refused !== undefined) {
    reader.fault(at, `params: ${refused.message}`, { hint: refused.hint });
    return [];
  }
  const { faults } = context.shared;
  if (keys.length === 0) return [{ file, key: null, template: '', at: faults.placeOf(at) }];
  return keys.flatMap((node) => {
    const key = reader.name(node, 'params');
    if (key === '') reader.fault(node, 'params: the key is empty', { derived: true });
    if (key === undefined || key === '' || node.kind !== 'scalar') return [];
    const template = typeof node.value === 'string' ? node.value : key;
    return [{ file, key, template, at: faults.placeOf(node) }];
  });
}
