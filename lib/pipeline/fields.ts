// The fields of one stage that is being read, and what reading any of them needs. Shared by stage.ts, outs.ts and resources.ts.

import type { RepoPath } from '../core/path.ts';
import type { Draft } from './expand.ts';
import type { PathRules } from './paths.ts';
import type { Reader, ReaderShared } from './reader.ts';
import type { Variables } from './vars.ts';
import type { Node, Span } from './yaml.ts';

/** What a stage is read against. */
export interface StageContext {
  readonly shared: ReaderShared;
  readonly variables: Variables;
  readonly rules: PathRules;
  readonly pools: Readonly<Record<string, number>>;
  readonly groups: readonly string[];
  readonly groupSet: ReadonlySet<string>;
}

/** The fields of one stage. */
export interface Fields {
  readonly context: StageContext;
  readonly draft: Draft;
  readonly reader: Reader;
  readonly wdir: RepoPath;
}

export function valueAt(draft: Draft, field: string): Node | undefined {
  return draft.body.entries.get(field)?.value;
}

/** `otherwise` where the field is missing. */
export function readFlag({ reader, draft }: Fields, field: string, otherwise = false): boolean {
  const node = valueAt(draft, field);
  return node === undefined ? otherwise : (reader.flag(node, field) ?? otherwise);
}

/** The items of a list field; none where the field is missing. */
export function itemsOf({ reader, draft }: Fields, field: string): readonly Node[] {
  const node = valueAt(draft, field);
  return node === undefined ? [] : reader.list(node, field);
}

/** Reports the second and every further use of a key. */
export function isRepeated({ reader }: Fields, seen: Set<string>, key: string, at: Span, message: string): boolean {
  if (!seen.has(key)) {
    seen.add(key);
    return false;
  }
  reader.fault(at, message, { hint: 'remove one of the two' });
  return true;
}
