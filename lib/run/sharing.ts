// Remotes during a run: what a stage needs is fetched when it would otherwise execute, and what stages made is shared in the background.
// A remote in trouble costs the run nothing but the time: a warning says so, and stages execute.

import type { RunEvent } from '../core/event.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { Plan } from '../plan/select.ts';
import { openStorage } from '../remote/open.ts';
import type { RemoteAccess } from '../remote/open.ts';
import { caught } from '../remote/problem.ts';
import type { RemoteProblem } from '../remote/problem.ts';
import type { TransferReport } from '../remote/progress.ts';
import { Puller } from '../remote/pull.ts';
import type { Pusher } from '../remote/push.ts';
import type { Storage } from '../remote/storage.ts';
import { RemoteView } from '../remote/view.ts';
import type { Sharing } from './io.ts';
import type { Project } from './project.ts';
import { makesCopies } from './restore.ts';
import { isShared, makePusher, refusePush, remoteFailure } from './remote.ts';

export interface SharingOptions {
  readonly pull: boolean;
  readonly push: boolean;
  readonly report: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** Asks the remote a first time: where that fails, nothing is run. Then fetches the histories that stages of the plan read. */
export async function openSharing(
  project: Project,
  plan: Plan,
  access: RemoteAccess,
  options: SharingOptions,
): Promise<Result<RunSharing, CommandFailure>> {
  const refused = options.push ? refusePush(access) : undefined;
  if (refused !== undefined) return err(refused);
  const opened = await caught(async () => {
    const storage = openStorage(access, options.signal);
    await new RemoteView(storage, null).isFresh();
    const sharing = new RunSharing(project, access, storage, options);
    if (options.pull) await sharing.fetchHistories(plan);
    return sharing;
  });
  return opened.ok ? ok(opened.value) : err(remoteFailure(opened.error));
}

export class RunSharing implements Sharing {
  readonly #project: Project;
  readonly #name: string;
  readonly #options: SharingOptions;
  readonly #view: RemoteView;
  readonly #puller: Puller;
  readonly #pusher: Pusher;
  readonly #fetches = new Map<Fingerprint, Promise<boolean>>();
  #pushes: Promise<void> = Promise.resolve();
  /** The remote is in trouble: it is not asked again in this run. */
  #troubled = false;

  constructor(project: Project, access: RemoteAccess, storage: Storage, options: SharingOptions) {
    this.#project = project;
    this.#name = access.name;
    this.#options = options;
    this.#view = new RemoteView(storage, null);
    const onProgress = (): void => undefined;
    this.#puller = new Puller(storage, project.store.sharing(), { key: access.key, onProgress });
    this.#pusher = makePusher(project, access, storage, { force: false, onProgress });
  }

  /** True where a push did not go well: the run has its results all the same. */
  get failed(): boolean {
    return this.#options.push && (this.#troubled || this.#pusher.report.skipped.length > 0);
  }

  async fetchHistories(plan: Plan): Promise<void> {
    const { graph, store } = this.#project;
    const groups = new Set(plan.order.flatMap((index) => graph.stages[index]!.runs.map(({ group }) => group)));
    for (const group of groups) {
      const there = await this.#view.history(store.sharing().encodeName(group));
      const here = new Set(store.history(group).map((entry) => `${entry.fingerprint}-${entry.result}`));
      await this.#puller.pull(
        there.filter((run) => !here.has(`${run.fingerprint}-${run.result}`)),
        () => false,
      );
    }
    this.#tellSkipped();
  }

  fetch(fingerprint: Fingerprint): Promise<boolean> {
    if (!this.#options.pull) return Promise.resolve(false);
    const known = this.#fetches.get(fingerprint);
    if (known !== undefined) return known;
    const fetch = this.#fetch(fingerprint);
    this.#fetches.set(fingerprint, fetch);
    return fetch;
  }

  async #fetch(fingerprint: Fingerprint): Promise<boolean> {
    if (this.#troubled) return false;
    const done = await caught(async () => {
      const runs = await this.#view.runsOf(fingerprint);
      // Of several results one is taken.
      const isCopied = runs.length === 1 && makesCopies(this.#project);
      return this.#puller.pull(runs, () => isCopied);
    });
    this.#tellSkipped();
    if (done.ok) return done.value;
    this.#note(done.error, 'stages that it may know are executed');
    return false;
  }

  share(stage: Stage, fingerprint: Fingerprint): void {
    if (!this.#options.push || stage.push === false) return;
    this.#pushes = this.#pushes.then(async () => {
      if (this.#troubled) return;
      const entries = this.#project.store.candidates(fingerprint).filter((entry) => isShared(this.#project, entry));
      const done = await caught(() => this.#pusher.push(entries));
      if (!done.ok) this.#note(done.error, 'the results are in the cache; share them later with `dagrun push`');
    });
  }

  async finish(): Promise<void> {
    await this.#pushes;
    const done = await caught(() => this.#pusher.finish());
    if (!done.ok) this.#note(done.error, '`dagrun push` makes it good');
    for (const line of this.#pusher.report.skipped) this.#warn(`not pushed: ${line}`);
    const tell = (direction: 'pulled' | 'pushed', { runs, objects, bytes }: TransferReport): void =>
      this.#options.report({ kind: 'transfer', remote: this.#name, direction, runs, objects, bytes });
    if (this.#options.pull) tell('pulled', this.#puller.report);
    if (this.#options.push) tell('pushed', this.#pusher.report);
  }

  #toldSkips = 0;

  #tellSkipped(): void {
    const { skipped } = this.#puller.report;
    for (const line of skipped.slice(this.#toldSkips)) this.#warn(`not used: ${line}`);
    this.#toldSkips = skipped.length;
  }

  #note({ kind, message, hint }: RemoteProblem, otherwise: string): void {
    if (kind === 'interrupted' || this.#troubled) return;
    this.#troubled = true;
    this.#warn(message, hint === undefined ? otherwise : `${hint}; ${otherwise}`);
  }

  #warn(message: string, hint?: string): void {
    this.#options.report({ kind: 'warning', message, hint });
  }
}
