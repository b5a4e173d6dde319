// From what was observed to the parts of a fingerprint, and from the parts to the fingerprint. The one place that decides
// what identifies a run: whatever is not a part here can change without a stage running again.

import { posix } from 'node:path';
import { digestText } from '../core/digest.ts';
import { contentText } from '../core/observation.ts';
import type { Present } from '../core/observation.ts';
import { compareText } from '../core/path.ts';
import type { ChangedPart, Reason } from '../core/reason.ts';
import type { ValueText } from '../core/value.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { partKinds } from './parts.ts';
import type { Fingerprint, FingerprintParts, PartKind } from './parts.ts';
import type { CodeTrace } from './ports.ts';

/** Everything that was observed for one stage; lists run parallel to those of the stage. */
export interface StageInputs {
  readonly deps: readonly Present[];
  readonly params: readonly ValueText[];
  readonly code: readonly CodeTrace[];
  /** The digest of each variable's value, or `unset`. */
  readonly env: readonly string[];
  /** Empty where the stage does not ask for the host. */
  readonly host: Readonly<Record<string, string>>;
  /** The history digest of each group. */
  readonly runs: readonly string[];
}

type Section = Record<string, string>;

function section(): Section {
  return Object.create(null) as Section;
}

/**
 * The parts of one stage. A relocatable stage has neither its name nor any path in them: deps and outs count by position,
 * code by its path seen from the entry file, params by their key before templating.
 */
export function fingerprintParts(stage: Stage, inputs: StageInputs): FingerprintParts {
  const { relocatable } = stage;
  const parts: Partial<Record<PartKind, Section>> = {};
  const put = (kind: PartKind, key: string, value: string): void => {
    (parts[kind] ??= section())[key] = value;
  };
  if (!relocatable) {
    put('stage', 'name', stage.name);
    put('wdir', 'path', stage.wdir);
  }
  stage.cmd.forEach((cmd, index) => put('cmd', String(index), cmd));
  stage.deps.forEach((dep, index) =>
    put('dep', relocatable ? String(index) : dep.path, contentText(inputs.deps[index]!)),
  );
  stage.params.forEach((param, index) => {
    const key = relocatable ? param.template : (param.key ?? '');
    put('param', `${param.file}:${key}`, inputs.params[index]!);
  });
  putCode(stage, inputs.code, put);
  stage.env.forEach((name, index) => put('env', name, inputs.env[index]!));
  for (const [key, value] of Object.entries(inputs.host)) put('host', key, value);
  stage.runs.forEach((runs, index) => put('runs', runs.group, inputs.runs[index]!));
  stage.outs.forEach((out, index) => put('out', relocatable ? String(index) : out.path, ''));
  return parts;
}

function putCode(
  stage: Stage,
  traces: readonly CodeTrace[],
  put: (kind: PartKind, key: string, value: string) => void,
): void {
  const versions = new Map<string, Set<string>>();
  stage.code.forEach((code, index) => {
    const trace = traces[index]!;
    for (const [file, digest] of Object.entries(trace.files)) {
      put('code', stage.relocatable ? `${index}:${relativeTo(folderOf(code.path), file)}` : file, digest);
    }
    for (const [name, version] of Object.entries(trace.packages)) {
      const known = versions.get(name);
      if (known === undefined) versions.set(name, new Set([version]));
      else known.add(version);
    }
  });
  for (const [name, found] of versions) put('package', name, [...found].sort(compareText).join(', '));
}

function folderOf(path: string): string[] {
  return path.split('/').slice(0, -1);
}

function relativeTo(folder: readonly string[], file: string): string {
  const segments = file.split('/');
  let shared = 0;
  while (shared < folder.length && shared < segments.length - 1 && folder[shared] === segments[shared]) shared++;
  return [...folder.slice(shared).map(() => '..'), ...segments.slice(shared)].join('/');
}

/** The canonical text that is hashed: one line a part, kinds in fixed order, keys in code-unit order. */
function canonicalText(parts: FingerprintParts): string {
  let text = 'dagrun-fingerprint 1\n';
  for (const kind of partKinds) {
    const keys = parts[kind];
    if (keys === undefined) continue;
    // Without a comparator, sort() goes by code units: compareText's order, only quicker.
    for (const key of Object.keys(keys).sort()) text += `${kind} ${JSON.stringify(key)} ${JSON.stringify(keys[key])}\n`;
  }
  return text;
}

export function fingerprintOf(parts: FingerprintParts): Fingerprint {
  return digestText(canonicalText(parts)) as Fingerprint;
}

/** What changed from `before` to `after`, in the order of partKinds, as reasons. Empty exactly when the fingerprints are equal. */
export function differences(before: FingerprintParts, after: FingerprintParts): Reason[] {
  const reasons: Reason[] = [];
  for (const kind of partKinds) {
    const old = before[kind] ?? {};
    const now = after[kind] ?? {};
    const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort(compareText);
    for (const key of keys) {
      const from = old[key] ?? null;
      const to = now[key] ?? null;
      if (from !== to) reasons.push({ kind: changedPart(kind), key, from, to });
    }
  }
  return reasons;
}

/** The reasons with the paths that a relocatable stage has now, in place of the positions that its parts are told apart by. */
export function locateReasons(stage: Stage, reasons: readonly Reason[]): Reason[] {
  if (!stage.relocatable) return [...reasons];
  return reasons.map((reason) => {
    if (reason.kind === 'dep') return { ...reason, key: stage.deps[Number(reason.key)]?.path ?? reason.key };
    if (reason.kind === 'out') return { ...reason, key: stage.outs[Number(reason.key)]?.path ?? reason.key };
    return reason.kind === 'code' ? { ...reason, key: locateCode(stage, reason.key) } : reason;
  });
}

/** From `<position of the entry>:<path seen from it>` to a path. */
function locateCode(stage: Stage, key: string): string {
  const colon = key.indexOf(':');
  const entry = stage.code[Number(key.slice(0, colon))];
  if (colon <= 0 || entry === undefined) return key;
  return posix.join(...folderOf(entry.path), key.slice(colon + 1));
}

function changedPart(kind: PartKind): ChangedPart {
  return kind === 'runs' ? 'history' : kind;
}
