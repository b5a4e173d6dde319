// Says in words how a file differs from its JSON Schema, and where. Pipeline files and parameter files are explained alike.

import { findFaults } from './diagnosis.ts';
import type { Finding, UnknownKey, ValueFinding } from './finding.ts';
import { didYouMean } from './hint.ts';
import type { Validator } from './validator.ts';
import { describe, describeSize, joinOr, literal } from './wording.ts';
import type { Entry, Node, Problem, Span } from './yaml.ts';
import { jsonOf } from './yaml.ts';

/** How one kind of file is spoken of. */
export interface Voice {
  /** What leads to a value, with a colon after it; empty for the file itself. */
  readonly describePath: (path: readonly string[]) => string;
  /** For a key that resembles none of the known ones. */
  readonly hintForKey?: (path: readonly string[], key: string, known: readonly string[]) => string | undefined;
}

const plain: Voice = { describePath: (path) => (path.length === 0 ? '' : `${joinKeys(path)}: `) };

/** Everything in the file that the schema does not allow, in no particular order. */
export function explain(root: Node, validator: Validator, voice: Voice = plain): Problem[] {
  return findFaults(validator, jsonOf(root)).map((finding) => {
    const found = locate(root, finding.path);
    return word(finding, found, voice.describePath(finding.path), voice);
  });
}

function word(finding: Finding, found: Located, where: string, voice: Voice): Problem {
  const { node } = found;
  switch (finding.kind) {
    case 'value':
      return wordValue(finding, node, where);
    case 'unknown':
      return {
        at: keySpan(node, finding.key),
        message: `${where}unknown key "${finding.key}"`,
        hint: hintForKey(finding, voice),
      };
    case 'missing':
      return { at: found.key ?? node, message: where + missing(finding.keys, finding.because) };
    case 'name': {
      const message = `"${finding.key}" cannot be used: expected ${wanted(finding)}`;
      return { at: keySpan(node, finding.key), message, hint: nearest(finding.key, finding.choices) };
    }
    case 'other':
      return { at: node, message: where + finding.message };
  }
}

function wordValue(finding: ValueFinding, node: Node, where: string): Problem {
  const got = finding.sized ? describeSize(node) : describe(node);
  const value = node.kind === 'scalar' ? node.value : undefined;
  return {
    at: node,
    message: `${where}expected ${wanted(finding)}, got ${got}`,
    hint: typeof value === 'string' ? nearest(value, finding.choices) : undefined,
  };
}

function wanted({ expected, choices }: Pick<ValueFinding, 'expected' | 'choices'>): string {
  return joinOr([...(choices.length === 0 ? [] : [choices.map(literal).join(', ')]), ...expected]);
}

function nearest(value: string, choices: readonly unknown[]): string | undefined {
  return didYouMean(
    value,
    choices.filter((choice) => typeof choice === 'string'),
  );
}

function missing(keys: readonly string[], because: string | undefined): string {
  const [first, ...others] = keys.map((key) => `"${key}"`);
  if (others.length > 0) return `one of ${[first, ...others].join(', ')} is missing`;
  return because === undefined ? `${first!} is missing` : `${first!} is missing, which "${because}" needs`;
}

const mostKeys = 40;

function hintForKey({ path, key, known }: UnknownKey, voice: Voice): string | undefined {
  const hint = didYouMean(key, known) ?? voice.hintForKey?.(path, key, known);
  if (hint !== undefined || known.length === 0) return hint;
  const more = known.length > mostKeys ? `, and ${known.length - mostKeys} more` : '';
  return `known keys: ${known.slice(0, mostKeys).join(', ')}${more}`;
}

function keySpan(node: Node, key: string): Span {
  return (node.kind === 'map' ? node.entries.get(key)?.at : undefined) ?? node;
}

interface Located {
  readonly node: Node;
  /** The key it stands behind, for the values of a map that are written there. */
  readonly key: Span | undefined;
}

function locate(root: Node, path: readonly string[]): Located {
  let node = root;
  let key: Span | undefined;
  for (const name of path) {
    const entry: Entry | undefined = node.kind === 'map' ? node.entries.get(name) : undefined;
    const next = entry?.value ?? (node.kind === 'list' ? node.items[Number(name)] : undefined);
    if (next === undefined) break;
    key = entry?.at;
    node = next;
  }
  return { node, key };
}

/** `model.layers[0].units` */
export function joinKeys(path: readonly string[]): string {
  return path.map((name, index) => (/^\d+$/.test(name) ? `[${name}]` : index === 0 ? name : `.${name}`)).join('');
}
