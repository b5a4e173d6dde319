// Adds a remote to a pipeline file, or to the configuration of a user, and leaves every other character as it is. A change is checked by
// reading the result back: exactly this one remote must have been added.

import type { Fault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { encodeValue, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import { readYaml, valueOf } from './yaml.ts';
import type { MapNode, Node } from './yaml.ts';

export type NewRemote = Readonly<Record<string, string | boolean>>;

/** `file` is for messages. A name that is taken is refused. */
export function addRemote(text: string, file: string, name: string, remote: NewRemote): Result<string, Fault> {
  const { root, problems } = readYaml(text);
  if (problems.length > 0) return err({ message: `${file} is not sound YAML`, hint: 'correct it first' });
  const before = root === undefined ? null : valueOf(root);
  const taken = isObject(before) && isObject(before['remotes']) && Object.hasOwn(before['remotes'], name);
  if (taken)
    return err({ message: `${file} has a remote "${name}" already`, hint: 'edit it there, or choose another name' });
  for (const candidate of candidates(text, root, name, remote)) {
    if (isTheChange(before, candidate, name, remote)) return ok(candidate);
  }
  return err({
    message: `${file} cannot be changed without changing something else`,
    hint: `add ${lineOf(name, remote)} below \`remotes:\` by hand`,
  });
}

/** A URL alone stands there as it is. */
function lineOf(name: string, remote: NewRemote): string {
  const { url, ...rest } = remote;
  const quoted = JSON.stringify(url);
  if (Object.keys(rest).length === 0) return `${name}: ${quoted}`;
  const fields = Object.entries(remote).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `${name}: {${fields.join(', ')}}`;
}

function* candidates(text: string, root: Node | undefined, name: string, remote: NewRemote): Generator<string> {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const line = lineOf(name, remote);
  const remotes = root?.kind === 'map' ? root.entries.get('remotes') : undefined;
  if (remotes?.value.kind === 'map' && remotes.value.entries.size > 0) {
    yield insertInto(text, remotes.value, line, lineBreak);
    return;
  }
  const end = text === '' || text.endsWith('\n') ? '' : lineBreak;
  const gap = text === '' ? '' : lineBreak;
  if (remotes === undefined) yield `${text}${end}${gap}remotes:${lineBreak}  ${line}${lineBreak}`;
}

function insertInto(text: string, body: MapNode, line: string, lineBreak: string): string {
  const at = body.start;
  if (text[at] === '{') return `${text.slice(0, at + 1)}${line}, ${text.slice(at + 1)}`;
  const indent = ' '.repeat(at - (text.lastIndexOf('\n', at - 1) + 1));
  return `${text.slice(0, at)}${line}${lineBreak}${indent}${text.slice(at)}`;
}

function isTheChange(before: Value, candidate: string, name: string, remote: NewRemote): boolean {
  const { root, problems } = readYaml(candidate);
  if (root === undefined || problems.length > 0) return false;
  const after = valueOf(root);
  if (!isObject(after) || !isObject(after['remotes'])) return false;
  const added = after['remotes'][name];
  const expected: Value = Object.keys(remote).length === 1 ? (remote['url'] ?? null) : remote;
  if (added === undefined || encodeValue(added) !== encodeValue(expected)) return false;
  const others = Object.fromEntries(Object.entries(after['remotes']).filter(([key]) => key !== name));
  const top = isObject(before) ? before : {};
  const had = isObject(top['remotes']) ? top['remotes'] : {};
  return encodeValue({ ...after, remotes: others }) === encodeValue({ ...top, remotes: had });
}
