// Of the forms that a value may have (`anyOf`, `oneOf`) and has none of: which one was meant, and what it lacks for that one.

import { nearestName } from './hint.ts';
import { placeOf } from './finding.ts';
import type { Finding, MissingKey, UnknownKey, ValueFinding } from './finding.ts';

interface Branch {
  readonly findings: readonly Finding[];
  /** Values that say which form is meant, and say another one. */
  readonly denied: number;
  /** Keys of the value itself that are unknown or missing, or whose values are none of those that can be. */
  readonly shallow: number;
}

/** `forms` has what is wrong for each; `path` leads to the value, `single` tells that it is neither list nor map. */
export function chooseBranch(
  forms: readonly (readonly Finding[])[],
  path: readonly string[],
  single: boolean,
): readonly Finding[] {
  const depth = path.length;
  const candidates = single ? [] : forms.filter((findings) => !findings.some((one) => isOtherKind(one, depth)));
  if (candidates.length === 0) {
    const values = forms.flat().filter((one) => one.kind === 'value' && one.path.length === depth);
    return values.length === 0 ? (forms[0] ?? []) : [mergeValues(values as ValueFinding[])];
  }
  return pick(candidates, depth);
}

function isOtherKind(finding: Finding, depth: number): boolean {
  return finding.kind === 'value' && finding.otherKind && finding.path.length === depth;
}

function pick(candidates: readonly (readonly Finding[])[], depth: number): readonly Finding[] {
  const branches = candidates.map((findings) => rate(findings, candidates, depth));
  const meant = leastBy(branches, (branch) => branch.denied);
  if (meant[0]!.denied > 0) return commonValue(meant) ?? fewest(meant);
  const unknown = commonUnknown(meant, depth);
  if (unknown.some(({ key, known }) => nearestName(key, known) !== undefined)) return unknown;
  const best = leastBy(meant, (branch) => branch.shallow);
  if (best.length === 1) return best[0]!.findings;
  if (best[0]!.shallow === 0) return commonValue(best) ?? fewest(best);
  const lost = commonUnknown(best, depth);
  return lost.length > 0 ? lost : (commonMissing(best, depth) ?? fewest(best));
}

function rate(findings: readonly Finding[], all: readonly (readonly Finding[])[], depth: number): Branch {
  const listed = findings.filter(
    (one): one is ValueFinding =>
      one.kind === 'value' && one.choices.length > 0 && one.path.length === depth + 1 && isAccepted(one, all),
  );
  const denied = listed.filter((one) => one.choices.length === 1).length;
  const own = findings.filter((one) => one.path.length === depth).length;
  return { findings, denied, shallow: own + listed.length - denied };
}

/** Some other form takes the value that stands there. */
function isAccepted(finding: Finding, all: readonly (readonly Finding[])[]): boolean {
  const key = finding.path.at(-1);
  return all.some(
    (findings) =>
      !findings.some((one) => placeOf(one).startsWith(placeOf(finding)) || ('key' in one && one.key === key)),
  );
}

function leastBy(branches: readonly Branch[], measure: (branch: Branch) => number): readonly Branch[] {
  const least = Math.min(...branches.map(measure));
  return branches.filter((branch) => measure(branch) === least);
}

function fewest(branches: readonly Branch[]): readonly Finding[] {
  return leastBy(branches, (branch) => branch.findings.length)[0]!.findings;
}

/** Keys that none of the forms knows, with the keys of all. */
function commonUnknown(branches: readonly Branch[], depth: number): UnknownKey[] {
  const own = branches.map(({ findings }) =>
    findings.filter((one): one is UnknownKey => one.kind === 'unknown' && one.path.length === depth),
  );
  return own[0]!.flatMap((one) => {
    const same = own.map((others) => others.find(({ key }) => key === one.key));
    if (same.includes(undefined)) return [];
    return [{ ...one, known: [...new Set(same.flatMap((other) => other!.known))] }];
  });
}

/** Each form lacks one key: any of them would do. */
function commonMissing(branches: readonly Branch[], depth: number): MissingKey[] | undefined {
  const own = branches.map(({ findings }) =>
    findings.filter((one): one is MissingKey => one.kind === 'missing' && one.path.length === depth),
  );
  if (own.some((missing, index) => missing.length !== 1 || branches[index]!.findings.length !== 1)) return undefined;
  return [{ ...own[0]![0]!, keys: [...new Set(own.flatMap(([one]) => one!.keys))] }];
}

/** The one value that every form finds fault with, with what any of them would take. */
function commonValue(branches: readonly Branch[]): ValueFinding[] | undefined {
  const values = branches.map(({ findings }) => findings.filter((one): one is ValueFinding => one.kind === 'value'));
  const place = values[0]!
    .map(placeOf)
    .find((wanted) => values.every((found) => found.some((one) => placeOf(one) === wanted)));
  if (place === undefined) return undefined;
  return [mergeValues(values.flat().filter((one) => placeOf(one) === place))];
}

function mergeValues(findings: readonly ValueFinding[]): ValueFinding {
  return {
    ...findings[0]!,
    otherKind: findings.every((one) => one.otherKind),
    sized: findings.some((one) => one.sized),
    choices: [...new Set(findings.flatMap((one) => one.choices))],
    expected: [...new Set(findings.flatMap((one) => one.expected))],
  };
}
