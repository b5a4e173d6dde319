// What the commands about remotes do: which runs of this workspace are meant, moved there and back, compared, and cleaned up.

import type { CommandFailure } from '../core/failure.ts';
import { failure } from '../core/failure.ts';
import { err } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { alignOuts } from '../plan/decide.ts';
import type { RunEntry } from '../plan/record.ts';
import type { Plan } from '../plan/select.ts';
import { collectRemote } from '../remote/collect.ts';
import type { RemoteGcReport } from '../remote/collect.ts';
import { runName } from '../remote/keys.ts';
import type { RunKey } from '../remote/keys.ts';
import { labelOf, openStorage } from '../remote/open.ts';
import type { RemoteAccess } from '../remote/open.ts';
import { caught } from '../remote/problem.ts';
import type { RemoteProblem } from '../remote/problem.ts';
import { probe } from '../remote/probe.ts';
import type { ProbeReport } from '../remote/probe.ts';
import type { OnProgress, TransferReport } from '../remote/progress.ts';
import { Puller } from '../remote/pull.ts';
import { Pusher } from '../remote/push.ts';
import type { Storage } from '../remote/storage.ts';
import { RemoteView } from '../remote/view.ts';
import { resultDigest } from '../store/entry.ts';
import { planCollection } from './collect.ts';
import type { GcScope } from './collect.ts';
import type { Project } from './project.ts';
import { makesCopies } from './restore.ts';

export interface TransferOptions {
  /** Every run there is, and not only those that the lock refers to. */
  readonly all: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A failure of the remote as one of the command. */
export function remoteFailure({ kind, message, hint }: RemoteProblem): CommandFailure {
  return failure(kind === 'interrupted' ? 'interrupted' : kind === 'busy' ? 'locked' : 'storage', { message, hint });
}

async function using<T>(
  access: RemoteAccess,
  signal: AbortSignal,
  work: (storage: Storage) => Promise<T>,
): Promise<Result<T, CommandFailure>> {
  const done = await caught(async () => work(openStorage(access, signal)));
  return done.ok ? done : err(remoteFailure(done.error));
}

/** Why nothing may be pushed there; undefined where it may. */
export function refusePush(access: RemoteAccess): CommandFailure | undefined {
  if (access.push && access.address.kind !== 'http') return undefined;
  const why = access.push ? 'a web server can only be read' : 'it has `push: false`';
  return failure('usage', {
    message: `nothing is pushed to ${labelOf(access)}: ${why}`,
    hint: 'push to another remote: `dagrun remote list` shows them',
  });
}

/** Uploads the runs that the lock refers to, for the stages of the plan, and the histories that these read. */
export async function pushRuns(
  project: Project,
  plan: Plan,
  access: RemoteAccess,
  options: TransferOptions & { readonly force: boolean },
): Promise<Result<TransferReport, CommandFailure>> {
  const refused = refusePush(access);
  if (refused !== undefined) return err(refused);
  const entries = options.all ? project.store.allRuns() : localRuns(project, plan);
  return using(access, options.signal, async (storage) => {
    const pusher = makePusher(project, access, storage, options);
    try {
      await pusher.push(entries.filter((entry) => isShared(project, entry)));
    } finally {
      await pusher.finish();
    }
    return pusher.report;
  });
}

export function makePusher(
  project: Project,
  access: RemoteAccess,
  storage: Storage,
  options: { readonly force: boolean; readonly onProgress: OnProgress },
): Pusher {
  const { force, onProgress } = options;
  const folder = `${project.stateDir}/remotes/${digestText(access.url)}`;
  return new Pusher(storage, project.store.sharing(), { key: access.key, force, folder, onProgress });
}

/** False for runs of a stage that has `push: false`. */
export function isShared(project: Project, entry: RunEntry): boolean {
  const index = project.graph.index.get(entry.stage);
  return index === undefined || project.graph.stages[index]!.push !== false;
}

function localRuns(project: Project, plan: Plan): readonly RunEntry[] {
  const found = new Map<string, RunEntry>();
  const add = (entries: readonly RunEntry[]): void => {
    for (const entry of entries) found.set(runName(entry), entry);
  };
  for (const stage of stagesOf(project, plan)) {
    const lock = project.lock.get(stage.name);
    if (lock !== undefined) add(project.store.candidates(lock.fingerprint));
    for (const { group } of stage.runs) add(project.store.history(group));
  }
  return [...found.values()];
}

function stagesOf(project: Project, plan: Plan): readonly Stage[] {
  return plan.order.map((index) => project.graph.stages[index]!);
}

/** Downloads into the cache what the lock refers to, for the stages of the plan, and the histories that these read. `isCheckedOut`: the former are checked out next. */
export async function fetchRuns(
  project: Project,
  plan: Plan,
  access: RemoteAccess,
  options: TransferOptions & { readonly isCheckedOut: boolean },
): Promise<Result<TransferReport, CommandFailure>> {
  const { all, isCheckedOut, onProgress, signal } = options;
  return using(access, signal, async (storage) => {
    const view = new RemoteView(storage, null);
    const known = all ? await view.runs() : undefined;
    const { locked, others } = await remoteRuns(project, plan, view);
    const wanted = known ?? new Map([...others, ...locked]);
    const missing = [...wanted.values()].filter((run) => !isHere(project, run));
    const puller = new Puller(storage, project.store.sharing(), { key: access.key, onProgress });
    const copies = isCheckedOut && makesCopies(project);
    await puller.pull(missing, (run) => copies && locked.has(runName(run)));
    return { ...puller.report, known: wanted.size - missing.length };
  });
}

/** Asked one by one, so many stages take as long as listing all runs of a remote. */
const askAtMost = 32;

type RunsByName = Map<string, RunKey>;

/** The runs that gave what the lock records, and others that are to be here as well. */
async function remoteRuns(
  project: Project,
  plan: Plan,
  view: RemoteView,
): Promise<{ readonly locked: RunsByName; readonly others: RunsByName }> {
  const stages = stagesOf(project, plan);
  if (stages.length > askAtMost) await view.runs();
  const locked: RunsByName = new Map();
  const others: RunsByName = new Map();
  for (const stage of stages) {
    const { recorded, runs } = await lockedRuns(project, stage, view);
    for (const run of runs) (run.result === recorded ? locked : others).set(runName(run), run);
    for (const { group } of stage.runs)
      for (const run of await view.history(project.store.sharing().encodeName(group))) others.set(runName(run), run);
  }
  return { locked, others };
}

/** The run that gave what the lock records (the result); where the remote does not have that, every other one with these inputs. */
async function lockedRuns(
  project: Project,
  stage: Stage,
  view: RemoteView,
): Promise<{ readonly recorded: Digest | null; readonly runs: readonly RunKey[] }> {
  const lock = project.lock.get(stage.name);
  const outs = lock === undefined ? null : alignOuts(stage, lock);
  if (lock === undefined || outs === null || outs.length === 0) return { recorded: null, runs: [] };
  const recorded = resultDigest(outs);
  const run = { fingerprint: lock.fingerprint, result: recorded };
  if (isHere(project, run)) return { recorded, runs: [run] };
  const there = await view.runsOf(lock.fingerprint);
  const exact = there.filter(({ result }) => result === recorded);
  return { recorded, runs: exact.length > 0 ? exact : there };
}

/** True where the run and all its objects are in the cache. */
function isHere(project: Project, run: RunKey): boolean {
  return project.store
    .candidates(run.fingerprint as RunEntry['fingerprint'])
    .some((entry) => entry.result === run.result && project.store.holds(entry.outs.map((out) => out.content)));
}

export interface StageShare {
  readonly name: string;
  /** `unrecorded`: the lock knows no run of it; `local`: it is here only. */
  readonly state: 'both' | 'local' | 'remote' | 'nowhere' | 'unrecorded';
}

/** Where the runs are that the lock refers to. Only names are read. */
export async function compareRuns(
  project: Project,
  plan: Plan,
  access: RemoteAccess,
  signal: AbortSignal,
): Promise<Result<readonly StageShare[], CommandFailure>> {
  return using(access, signal, async (storage) => {
    const view = new RemoteView(storage, null);
    const stages = stagesOf(project, plan);
    if (stages.length > askAtMost) await view.runs();
    const shares: StageShare[] = [];
    for (const stage of stages) {
      const lock = project.lock.get(stage.name);
      const outs = lock === undefined ? null : alignOuts(stage, lock);
      if (lock === undefined || outs === null) {
        shares.push({ name: stage.name, state: 'unrecorded' });
        continue;
      }
      const run = { fingerprint: lock.fingerprint, result: resultDigest(outs) };
      const there = (await view.runsOf(lock.fingerprint)).some(({ result }) => result === run.result);
      const here = isHere(project, run);
      shares.push({ name: stage.name, state: here ? (there ? 'both' : 'local') : there ? 'remote' : 'nowhere' });
    }
    return shares;
  });
}

/** Removes runs from the remote that no scope keeps. What this workspace uses always stays, as in a gc of the cache. */
export async function collectRemoteRuns(
  project: Project,
  access: RemoteAccess,
  options: { readonly scope: GcScope; readonly grace: number; readonly dry: boolean; readonly signal: AbortSignal },
): Promise<Result<RemoteGcReport, CommandFailure>> {
  const refused = refusePush(access);
  if (refused !== undefined) return err(refused);
  let unplanned: CommandFailure | undefined;
  const done = await using(access, options.signal, (storage) =>
    collectRemote(storage, project.store.sharing(), {
      grace: options.grace,
      dry: options.dry,
      plan: (entries) => {
        const kept = planCollection(project, options.scope, Date.now(), entries);
        if (kept.ok) return kept.value.keep;
        unplanned = kept.error;
        return () => true;
      },
    }),
  );
  return unplanned === undefined ? done : err(unplanned);
}

export function testRemote(access: RemoteAccess, signal: AbortSignal): Promise<Result<ProbeReport, CommandFailure>> {
  return using(access, signal, (storage) => probe(storage, { write: access.push }));
}
