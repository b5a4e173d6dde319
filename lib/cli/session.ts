// What most commands begin with: an opened project, a plan, and, where they change something, the workspace to themselves.

import { existsSync, realpathSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { codeOf, err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { isExecutorName } from '../pipeline/placement.ts';
import { executorNames } from '../pipeline/pipeline.ts';
import type { ExecutionSettings } from '../plan/placement.ts';
import { selectPlan } from '../plan/select.ts';
import type { Plan, Selection } from '../plan/select.ts';
import { locatePipeline } from '../run/locate.ts';
import { openProject } from '../run/project.ts';
import type { Project } from '../run/project.ts';
import { makeStateFolder, removeUnfinished } from '../run/state-folder.ts';
import { readUserSettings } from '../run/user-settings.ts';
import { guardWorkspace } from '../workspace/guard.ts';
import type { Invocation } from './command.ts';

/** Opens the project of the invocation; warnings go to stderr. */
export async function open(
  invocation: Invocation,
  onWarning?: (message: string, hint?: string) => void,
): Promise<Result<Project, CommandFailure>> {
  const { stderr, environment } = invocation.io;
  const warn = (message: string, hint?: string): void =>
    void stderr.write(`warning: ${message}${hint === undefined ? '' : `\n  hint: ${hint}`}\n`);
  const execution = await readExecution(invocation);
  if (!execution.ok) return execution;
  const { cwd, file } = invocation;
  return openProject({ cwd, file, environment, execution: execution.value, onWarning: onWarning ?? warn });
}

/** Where stages run: what the command line and the user's settings say. */
async function readExecution(invocation: Invocation): Promise<Result<ExecutionSettings, CommandFailure>> {
  const asked = textOf(invocation, 'executor');
  if (asked !== undefined && !isExecutorName(asked))
    return err(failure('usage', { message: `--executor takes ${executorNames.join(' or ')}, not "${asked}"` }));
  const settings = await readUserSettings(invocation.io.environment);
  if (!settings.ok) return settings;
  const { executor, ...rest } = settings.value;
  return ok({
    ...rest,
    ...(asked === undefined ? {} : { asked }),
    ...(executor === undefined ? {} : { usual: executor }),
  });
}

/** The option of every command that looks at fingerprints: where a stage runs stands in that of one with `host: true`. */
export const executorOption = {
  type: 'string',
  value: 'NAME',
  choices: executorNames,
  help: 'where stages run that do not say so themselves: local or slurm; "local" means all stages',
} as const;

export function plan(
  project: Project,
  targets: readonly string[],
  reach: Selection['reach'] = 'upstream',
): Result<Plan, CommandFailure> {
  // A path is meant from where the user is, which may be a folder of the workspace, or one above it.
  const from = targets.length === 0 ? '' : realpathSync.native(project.cwd);
  const paths = targets.map((target) => relative(project.root, resolve(from, target)).replaceAll(sep, '/'));
  const selected = selectPlan(project.graph, { targets, paths, reach });
  return selected.ok ? selected : err(failure('usage', ...selected.error));
}

/** A plan of exactly the stages that the targets name: all of them where none is named. */
export function planTargets(project: Project, targets: readonly string[]): Result<Plan, CommandFailure> {
  return plan(project, targets, targets.length === 0 ? 'upstream' : 'single');
}

export interface ExclusiveOptions {
  readonly wait: boolean;
  readonly signal: AbortSignal;
  readonly onWait: (message: string) => void;
}

/** Runs the action with the workspace lock held. Nothing of the workspace is read before it is. */
export async function exclusively(
  invocation: Invocation,
  options: ExclusiveOptions,
  action: () => Promise<Result<ExitCode, CommandFailure>>,
): Promise<Result<ExitCode, CommandFailure>> {
  const located = locatePipeline(invocation.cwd, invocation.file);
  if (!located.ok) return located;
  const { stateDir } = located.value;
  try {
    makeStateFolder(stateDir);
  } catch (error) {
    const hint =
      codeOf(error) === 'EROFS' || codeOf(error) === 'EACCES'
        ? 'dagrun needs to write to .dagrun in the workspace'
        : undefined;
    return err(failure('storage', { message: `cannot make ${stateDir}: ${messageOf(error)}`, hint }));
  }
  const guard = await guardWorkspace({
    path: `${stateDir}/lock`,
    wait: options.wait,
    signal: options.signal,
    onWait: (owner) => options.onWait(`waiting for pid ${owner.pid}: ${owner.command}`),
    onTakeOver: async (dead) => {
      const { endLeftBehind } = await import('../exec/left-behind.ts');
      await endLeftBehind(dead);
      removeUnfinished(stateDir, dead.pid);
    },
  });
  if (!guard.ok) return guard;
  try {
    return await action();
  } finally {
    guard.value.release();
  }
}

/** For commands that change something and end quickly: they open the project with the workspace to themselves, and do not wait for it. */
export async function changing(
  invocation: Invocation,
  action: (project: Project) => Promise<Result<ExitCode, CommandFailure>>,
): Promise<Result<ExitCode, CommandFailure>> {
  return exclusively(
    invocation,
    { wait: false, signal: new AbortController().signal, onWait: () => undefined },
    async () => {
      const project = await open(invocation);
      return project.ok ? action(project.value) : project;
    },
  );
}

/** Runs the action while the cache knows that somebody uses it, so that no gc removes what was just found there. */
export async function usingCache<T>(
  project: Project,
  command: string,
  action: () => Promise<Result<T, CommandFailure>>,
): Promise<Result<T, CommandFailure>> {
  hideFromGit(project.cacheDir);
  const activity = project.store.beginActivity(`dagrun ${command}`);
  if (!activity.ok) return err(failure('locked', activity.error));
  try {
    return await action();
  } finally {
    activity.value.release();
  }
}

/** A new cache folder ignores itself, as .dagrun/ does. One that is there already is left as it is: somebody may want it in git. */
function hideFromGit(cacheDir: string): void {
  if (existsSync(cacheDir)) return;
  try {
    makeStateFolder(cacheDir);
  } catch {
    // The store says so itself where it cannot write.
  }
}

export function isSet(invocation: Invocation, flag: string): boolean {
  return invocation.flags[flag] === true;
}

export function textOf(invocation: Invocation, flag: string): string | undefined {
  const value = invocation.flags[flag];
  return typeof value === 'string' ? value : undefined;
}

/** A whole number of at least `least`; undefined where the flag is absent. */
export function numberOf(
  invocation: Invocation,
  flag: string,
  least: number,
): Result<number | undefined, CommandFailure> {
  const text = textOf(invocation, flag);
  if (text === undefined) return ok(undefined);
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return ok(value);
  return err(failure('usage', { message: `--${flag} takes a whole number from ${least} up, not "${text}"` }));
}
