// `dagrun gc`: which recorded runs stay, by scope. What any known lock references always stays.

import { execFileSync } from 'node:child_process';
import { readTextIfExists } from '../core/disk.ts';
import type { Digest } from '../core/digest.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import { compareText } from '../core/path.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Lock, RunEntry } from '../plan/record.ts';
import { decodeLock, lockFileFor } from '../workspace/lockfile.ts';
import type { Project } from './project.ts';

/** Scopes add up: a run stays if any of them keeps it. At least one has to be given. */
export interface GcScope {
  /** Keep what this workspace's lock references. (Every scope keeps that as well.) */
  readonly workspace: boolean;
  /** Keep what the lock of any git branch or tag references. */
  readonly allBranches: boolean;
  /** Keep runs younger than this many seconds. */
  readonly olderThan: number | null;
  /** Keep the newest runs of each stage. */
  readonly keepLast: number | null;
}

export interface GcKeep {
  readonly keep: (entry: RunEntry) => boolean;
  readonly objects: ReadonlySet<Digest>;
}

/** `now` in milliseconds since the epoch; `entries`: the runs to choose from, those of the cache or of a remote. Fails where git cannot be asked about branches, or a lock that must be honoured cannot be read. */
export function planCollection(
  project: Project,
  scope: GcScope,
  now: number,
  entries: readonly RunEntry[] | null = null,
): Result<GcKeep, CommandFailure> {
  const locks: Lock[] = [project.lock.entries];
  const others = readOtherWorkspaces(project);
  if (!others.ok) return others;
  locks.push(...others.value);
  if (scope.allBranches) {
    const branches = readBranchLocks(project);
    if (!branches.ok) return branches;
    locks.push(...branches.value);
  }
  const fingerprints = new Set<string>();
  const objects = new Set<Digest>();
  for (const lock of locks) {
    for (const entry of lock.values()) {
      fingerprints.add(entry.fingerprint);
      for (const out of entry.outs) objects.add(out.content.digest);
    }
  }
  const newest =
    scope.keepLast === null ? new Set<string>() : newestRuns(entries ?? project.store.allRuns(), scope.keepLast);
  const cutoff = scope.olderThan === null ? Infinity : now - scope.olderThan * 1000;
  const keep = (entry: RunEntry): boolean =>
    fingerprints.has(entry.fingerprint) || newest.has(keyOf(entry)) || Date.parse(entry.at) >= cutoff;
  return ok({ keep, objects });
}

function keyOf(entry: RunEntry): string {
  return `${entry.fingerprint}/${entry.result}`;
}

function newestRuns(entries: readonly RunEntry[], count: number): Set<string> {
  const byStage = new Map<string, RunEntry[]>();
  for (const entry of entries) {
    const list = byStage.get(entry.stage);
    if (list === undefined) byStage.set(entry.stage, [entry]);
    else list.push(entry);
  }
  const kept = new Set<string>();
  for (const list of byStage.values()) {
    for (const entry of list.sort((a, b) => compareText(b.at, a.at)).slice(0, count)) kept.add(keyOf(entry));
  }
  return kept;
}

/** A shared cache serves several workspaces on this machine; each registered itself when it first stored something. */
function readOtherWorkspaces(project: Project): Result<Lock[], CommandFailure> {
  const locks: Lock[] = [];
  for (const workspace of project.store.workspaces()) {
    if (workspace === project.root) continue;
    for (const file of lockFiles(project)) {
      const text = readTextIfExists(`${workspace}/${file}`);
      if (text === undefined) continue;
      const lock = decodeLock(`${workspace}/${file}`, text);
      if (!lock.ok) return err(failure('configuration', lock.error));
      locks.push(lock.value);
    }
  }
  return ok(locks);
}

function lockFiles(project: Project): Set<string> {
  return new Set([project.lockFile, lockFileFor('pipeline.yaml'), lockFileFor('dvc.yaml')]);
}

function readBranchLocks(project: Project): Result<Lock[], CommandFailure> {
  const locks: Lock[] = [];
  let refs: string[];
  let prefix: string;
  try {
    refs = git(project.root, ['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/remotes', 'refs/tags'])
      .split('\n')
      .filter(Boolean);
    prefix = git(project.root, ['rev-parse', '--show-prefix']).trim();
  } catch (error) {
    const hint = '--all-branches needs a git repository and the git program; use another scope otherwise';
    return err(
      failure('usage', { message: `cannot ask git for the branches: ${messageOf(error).split('\n')[0]!}`, hint }),
    );
  }
  for (const ref of refs) {
    let text: string;
    try {
      text = git(project.root, ['show', `${ref}:${prefix}${project.lockFile}`]);
    } catch {
      // This branch has no lock file.
      continue;
    }
    const lock = decodeLock(`${ref}:${project.lockFile}`, text);
    if (!lock.ok) return err(failure('configuration', lock.error));
    locks.push(lock.value);
  }
  return ok(locks);
}

function git(cwd: string, args: readonly string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 30 });
}
