// Small edits of a pipeline file that leave every other character as it is.
//
// A few ways to write the change are tried; each is checked by reading the result back: exactly the one value must have
// changed. So an anchor that other stages share, for instance, never freezes those too.

import type { Fault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { encodeValue, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import { lineTable } from './faults.ts';
import { didYouMean } from './hint.ts';
import { readYaml, valueOf } from './yaml.ts';
import type { Entry, MapNode, Node, Span } from './yaml.ts';

interface Target {
  /** The key of the stage or `do` that the body belongs to. */
  readonly owner: Entry;
  readonly body: MapNode;
  readonly path: readonly string[];
}

/**
 * Sets or removes `frozen: true` of a stage, or of a whole foreach or matrix group. Gives back the same text where nothing is to be done.
 * Freezing and then unfreezing gives the original text.
 */
export function setFrozen(text: string, file: string, group: string, frozen: boolean): Result<string, Fault> {
  const { root, problems } = readYaml(text);
  const problem = problems[0];
  if (problem !== undefined) return err(faultAt(text, file, problem.at, problem.message, problem.hint));
  const target = findTarget(root, group);
  if ('message' in target) return err(faultAt(text, file, target.at, target.message, target.hint));
  const entry = target.body.entries.get('frozen');
  const current = entry?.value.kind === 'scalar' ? entry.value.value : undefined;
  if (entry !== undefined && typeof current !== 'boolean') {
    return err(
      faultAt(text, file, entry.at, `"frozen" of stage "${group}" is not simply true or false`, 'edit it by hand'),
    );
  }
  if ((current ?? false) === frozen) return ok(text);
  const before = valueOf(root!);
  for (const candidate of candidates(text, target, frozen)) {
    if (isTheChange(before, candidate, target.path, frozen)) return ok(candidate);
  }
  const hint = 'edit the file by hand; anchors and merge keys that several stages share are in the way';
  return err(
    faultAt(
      text,
      file,
      target.owner.at,
      `"frozen" of stage "${group}" cannot be changed without changing something else`,
      hint,
    ),
  );
}

function faultAt(text: string, file: string, at: Span, message: string, hint: string | undefined): Fault {
  const [line, column] = lineTable(text)(at.start);
  return { at: { file, line, column }, message, ...(hint === undefined ? {} : { hint }) };
}

function findTarget(
  root: Node | undefined,
  group: string,
): Target | { at: Span; message: string; hint: string | undefined } {
  const stages = root?.kind === 'map' ? root.entries.get('stages')?.value : undefined;
  const names = stages?.kind === 'map' ? stages.entries : new Map<string, Entry>();
  const stage = names.get(group);
  const top = root ?? { start: 0, end: 0 };
  if (stage === undefined)
    return { at: top, message: `there is no stage "${group}"`, hint: didYouMean(group, [...names.keys()]) };
  const inner =
    stage.value.kind === 'map' && stage.value.entries.has('foreach') ? stage.value.entries.get('do') : undefined;
  const owner = inner ?? stage;
  const path = ['stages', group, ...(inner === undefined ? [] : ['do'])];
  if (owner.value.kind === 'map') return { owner, body: owner.value, path };
  return { at: owner.at, message: `stage "${group}" is not a map`, hint: undefined };
}

function* candidates(text: string, target: Target, frozen: boolean): Generator<string> {
  const entry = target.body.entries.get('frozen');
  if (entry?.origin === 'own') {
    if (!frozen) yield* removals(text, entry);
    yield splice(text, entry.value, String(frozen));
  }
  if (entry === undefined || entry.origin === 'merge') yield* insertions(text, target, frozen);
}

function splice(text: string, { start, end }: Span, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Without the line, where nothing else stands on it; without the entry of a flow map. */
function* removals(text: string, entry: Entry): Generator<string> {
  const lineStart = text.lastIndexOf('\n', entry.at.start - 1) + 1;
  const newline = text.indexOf('\n', entry.value.end);
  const lineEnd = newline < 0 ? text.length : newline + 1;
  const around = text.slice(lineStart, entry.at.start) + text.slice(entry.value.end, lineEnd);
  if (around.trim() === '') yield splice(text, { start: lineStart, end: lineEnd }, '');
  const after = /^[ \t]*,[ \t]*/.exec(text.slice(entry.value.end, entry.value.end + 200))?.[0];
  if (after !== undefined) yield splice(text, { start: entry.at.start, end: entry.value.end + after.length }, '');
  const before = /,[ \t]*$/.exec(text.slice(Math.max(0, entry.at.start - 200), entry.at.start))?.[0];
  if (before !== undefined) yield splice(text, { start: entry.at.start - before.length, end: entry.value.end }, '');
}

function* insertions(text: string, { owner, body }: Target, frozen: boolean): Generator<string> {
  const line = `frozen: ${frozen}`;
  if (text[body.start] === '{') {
    const separator = body.entries.size === 0 ? '' : ', ';
    yield splice(text, { start: body.start + 1, end: body.start + 1 }, line + separator);
    return;
  }
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = ' '.repeat(body.start - (text.lastIndexOf('\n', body.start - 1) + 1));
  const newline = text.indexOf('\n', owner.at.end);
  // Right below the line of the key, so that a comment above the first field stays with that field.
  if (newline >= 0 && newline < body.start)
    yield splice(text, { start: newline + 1, end: newline + 1 }, indent + line + lineBreak);
  yield splice(text, { start: body.start, end: body.start }, line + lineBreak + indent);
}

function isTheChange(before: Value, candidate: string, path: readonly string[], frozen: boolean): boolean {
  const { root, problems } = readYaml(candidate);
  if (root === undefined || problems.length > 0) return false;
  const after = valueOf(root);
  if (encodeValue(withoutFrozen(before, path)) !== encodeValue(withoutFrozen(after, path))) return false;
  const now = path.reduce<Value | undefined>((value, name) => (isObject(value) ? value[name] : undefined), after);
  return isObject(now) && (now['frozen'] ?? false) === frozen;
}

function withoutFrozen(value: Value, path: readonly string[]): Value {
  if (!isObject(value)) return value;
  const [name, ...rest] = path;
  const copy = Object.assign(Object.create(null), value) as Record<string, Value>;
  if (name === undefined) delete copy['frozen'];
  else copy[name] = withoutFrozen(value[name] ?? null, rest);
  return copy;
}
