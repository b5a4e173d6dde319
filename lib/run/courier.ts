// Stages on nodes that see no file of this machine: what a stage reads is sent by a remote, and what it made is brought back by it and put in
// its place, as if its command had written it here.

import { readFileSync } from 'node:fs';
import { isPresent } from '../core/observation.ts';
import { compareText, isRepoPath } from '../core/path.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { quote } from '../exec/slurm/script.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import type { Brought, Courier, Job, Sent } from '../plan/ports.ts';
import type { OutRecord, RunEntry } from '../plan/record.ts';
import { unregister } from '../remote/activity.ts';
import { historyFolder, runKey, runName } from '../remote/keys.ts';
import type { LocalCache } from '../remote/local.ts';
import { openStorage } from '../remote/open.ts';
import type { RemoteAccess } from '../remote/open.ts';
import { caught } from '../remote/problem.ts';
import { Puller } from '../remote/pull.ts';
import type { Pusher } from '../remote/push.ts';
import type { Storage } from '../remote/storage.ts';
import { RemoteView } from '../remote/view.ts';
import { listGlob } from '../workspace/glob.ts';
import { IgnoreRules, ignoreFiles } from '../workspace/ignore.ts';
import {
  accessVariable,
  decodeResult,
  encodeTicket,
  makeParcel,
  outputPath,
  parcelGroup,
  parcelName,
} from './parcel.ts';
import type { Order } from './parcel.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';
import { makePusher, refusePush, remoteFailure } from './remote.ts';
import { linkKindOf, makesCopies } from './restore.ts';

export interface CourierOptions {
  /** How dagrun is started on a node: words for `sh`. */
  readonly dagrun: string;
  readonly signal: AbortSignal;
}

const onProgress = (): void => undefined;

/** Transfers at a time on a node where the remote does not say: fewer than elsewhere, since the job pays for their memory. */
const nodeTransfers = 4;
const MiB = 2 ** 20;

/**
 * Bytes that dagrun takes on a node, at most: for itself, and for each transfer at a time, of which each moves 16 MiB. With inputs and outs
 * of 600 MB it took 166, 197 and 263 MiB with 2, 4 and 8 transfers from and to a folder, and 300, 437 and 678 MiB with S3, since OpenDAL
 * makes copies. Most of it is still held while the commands run.
 */
function memoryOnNode({ address }: RemoteAccess, transfers: number): number {
  const isFolder = address.kind === 'file';
  return isFolder ? (160 + 16 * transfers) * MiB : (192 + 64 * transfers) * MiB;
}

/** Asks the remote a first time: where that fails, nothing is run. */
export async function openCourier(
  project: Project,
  access: RemoteAccess,
  signal: AbortSignal,
): Promise<Result<RemoteCourier, CommandFailure>> {
  const refused = refusePush(access);
  if (refused !== undefined) return err(refused);
  const opened = await caught(async () => {
    await new RemoteView(openStorage(access, signal), null).isFresh();
    const dagrun = project.execution.dagrun ?? [process.execPath, ...process.argv.slice(1, 2)].map(quote).join(' ');
    return new RemoteCourier(project, access, { dagrun, signal });
  });
  return opened.ok ? opened : err(remoteFailure(opened.error));
}

export class RemoteCourier implements Courier {
  readonly #project: Project;
  readonly #access: RemoteAccess;
  readonly #options: CourierOptions;
  readonly #storage: Storage;
  /** Not stopped by Ctrl-C: what is on the way is removed all the same. */
  readonly #cleaning: Storage;
  readonly #pusher: Pusher;
  readonly #drops = new Set<Promise<unknown>>();
  #pushes: Promise<unknown> = Promise.resolve();

  /** Throws RemoteFault where a package is missing or an option is wrong. */
  constructor(project: Project, access: RemoteAccess, options: CourierOptions) {
    this.#project = project;
    this.#access = access;
    this.#options = options;
    this.#storage = openStorage(access, options.signal);
    this.#cleaning = openStorage(access, new AbortController().signal);
    this.#pusher = makePusher(project, access, this.#storage, { force: false, onProgress });
  }

  async send(job: Job, token: string): Promise<Result<Sent, string>> {
    const stage = this.#stageOf(job);
    try {
      const refused = refuse(stage);
      if (refused !== undefined) return err(refused);
      const files = await this.#inputs(stage);
      if (!files.ok) return files;
      const parcel = makeParcel(parcelName('to', token), stage.name, files.value, { ...this.#order(stage, job) });
      const pushed = await this.#push(parcel);
      return pushed.ok ? ok(this.#describe(token, parcel)) : pushed;
    } catch (error) {
      return err(`its inputs cannot be sent: ${messageOf(error)}`);
    }
  }

  #stageOf(job: Job): Stage {
    return this.#project.graph.stages[this.#project.graph.index.get(job.stage)!]!;
  }

  #order(stage: Stage, job: Job): Order {
    const { name, cmd, wdir, resources, timeout } = stage;
    const context = readFileSync(job.env['DAGRUN_CONTEXT']!, 'utf8');
    return { stage: name, cmd, wdir, context, resources, timeout, outs: stage.outs.map(({ path }) => path) };
  }

  /** One after the other: a push knows what the ones before it have left there. */
  #push(parcel: RunEntry): Promise<Result<void, string>> {
    const { report } = this.#pusher;
    const known = report.skipped.length;
    const push = this.#pushes.then(async (): Promise<Result<void, string>> => {
      const done = await caught(() => this.#pusher.push([parcel]));
      if (!done.ok) return err(`its inputs cannot be sent: ${done.error.message}`);
      const skipped = this.#pusher.report.skipped.slice(known);
      return skipped.length === 0 ? ok(undefined) : err(`its inputs cannot be sent: ${skipped.join('; ')}`);
    });
    this.#pushes = push.catch(() => undefined);
    return push;
  }

  #describe(token: string, parcel: RunEntry): Sent {
    const { name, url, address, options, secrets, key } = this.#access;
    const place = address.kind === 'file' ? absolute(this.#project, address.path) : url;
    const jobs = options['jobs'] ?? String(nodeTransfers);
    const remote = { name, url: place, options: { ...options, jobs } };
    const ticket = encodeTicket({ token, result: parcel.result, remote });
    return {
      command: `${this.#options.dagrun} stage-job ${ticket}`,
      memory: memoryOnNode(this.#access, Number(jobs)),
      env: { [accessVariable]: JSON.stringify({ secrets, key }) },
    };
  }

  /** What the stage declares that it reads, as it is now, and what it goes on writing to. All of it is in the cache afterwards. */
  async #inputs(stage: Stage): Promise<Result<readonly OutRecord[], string>> {
    const paths = await this.#pathsOf(stage);
    if (!paths.ok) return paths;
    const files: OutRecord[] = [];
    for (const path of [...paths.value].sort(compareText)) {
      if (!isRepoPath(path)) return err(`"${path}" lies outside of the workspace, and cannot be sent to a node`);
      const content = await this.#project.files.observe(path);
      if (content.kind === 'unreadable') return err(`"${path}" cannot be read: ${content.reason}`);
      if (!isPresent(content)) continue;
      const stored = await this.#project.store.put({ path: absolute(this.#project, path), content });
      if (!stored.ok) return err(stored.error.message);
      files.push({ path, content });
    }
    return ok(files);
  }

  async #pathsOf(stage: Stage): Promise<Result<ReadonlySet<string>, string>> {
    const { root, stateDir, cacheDir, tracer } = this.#project;
    const paths = new Set<string>([...ignoreFiles, ...stage.params.map(({ file }) => file)]);
    for (const { path, kind } of stage.deps) {
      if (kind !== 'glob') {
        paths.add(path);
        continue;
      }
      const excluded = [stateDir, cacheDir];
      const found = await listGlob(path, { root, excluded, rules: await IgnoreRules.load(root, excluded) });
      if (!found.ok) return found;
      for (const one of found.value) paths.add(one);
    }
    for (const { path } of stage.code) {
      const trace = await (await tracer()).trace(path);
      if (!trace.ok) return trace;
      for (const file of Object.keys(trace.value.files)) paths.add(file);
    }
    for (const out of stage.outs) if (out.persist) paths.add(out.path);
    return ok(paths);
  }

  async fetch(job: Job, token: string): Promise<Result<Brought | undefined, string>> {
    try {
      const done = await caught(() => this.#pull(token));
      if (!done.ok) return err(done.error.message);
      if (!done.value.ok || done.value.value === undefined) return done.value as Result<undefined, string>;
      return await this.#unpack(this.#stageOf(job), done.value.value);
    } catch (error) {
      return err(messageOf(error));
    }
  }

  /** The objects of the parcel are in the cache then; of the parcel itself it learns nothing. */
  async #pull(token: string): Promise<Result<RunEntry | undefined, string>> {
    const [run] = await new RemoteView(this.#storage, null).runsOf(parcelName('from', token));
    if (run === undefined) return ok(undefined);
    const catcher = new Catcher(this.#project.store.sharing());
    const puller = new Puller(this.#storage, catcher.cache, { key: this.#access.key, onProgress });
    await puller.pull([run], () => makesCopies(this.#project));
    return catcher.entry === undefined ? err(puller.report.skipped.join('; ')) : ok(catcher.entry);
  }

  async #unpack(stage: Stage, parcel: RunEntry): Promise<Result<Brought, string>> {
    const { store } = this.#project;
    const result = decodeResult(parcel.metrics);
    const said = parcel.outs.find(({ path }) => path === outputPath)?.content;
    if (result === undefined || said?.kind !== 'file') return err('what it left is in no form that this dagrun knows');
    for (const out of stage.outs) {
      const made = parcel.outs.find(({ path }) => path === out.path);
      if (made === undefined) continue;
      const placed = { path: absolute(this.#project, out.path), content: made.content };
      const done = await store.checkout(placed, linkKindOf(this.#project, out));
      this.#project.forget(out.path);
      if (!done.ok) return err(`cannot put "${out.path}" in its place: ${done.error.message}`);
    }
    return ok({ ...result, output: readFileSync(store.objectPath(said.digest)) });
  }

  drop(token: string): void {
    const drop = this.#drop(token).finally(() => this.#drops.delete(drop));
    this.#drops.add(drop);
  }

  /** The job is over, or nobody waits for it. Bytes stay until the next `dagrun gc --remote`. What cannot be removed is in nobody's way. */
  async #drop(token: string): Promise<void> {
    const group = this.#project.store.sharing().encodeName(parcelGroup);
    await caught(async () => {
      const view = new RemoteView(this.#cleaning, null);
      const runs = await Promise.all((['to', 'from'] as const).map((way) => view.runsOf(parcelName(way, token))));
      await this.#cleaning.remove(runs.flat().flatMap((run) => [runKey(run), historyFolder(group) + runName(run)]));
      // Without a result, it may have been killed while it was sending it.
      if (runs[1]!.length === 0) await unregister(this.#cleaning, token);
    });
  }

  /** To be called at the end of the run. */
  async close(): Promise<void> {
    await this.#pushes;
    await Promise.all(this.#drops);
    await caught(() => this.#pusher.finish());
  }
}

/** What a stage reads that could not be sent. */
function refuse(stage: Stage): string | undefined {
  if (stage.runs.length > 0)
    return `it reads the history of "${stage.runs[0]!.group}", which lies in the cache of this machine: let it run here with \`executor: local\``;
  return undefined;
}

/** A cache to pull into that keeps objects, and hands out the entry instead of recording it. */
export class Catcher {
  entry: RunEntry | undefined;
  readonly cache: LocalCache;

  constructor(side: LocalCache) {
    this.cache = {
      has: (digest, size) => side.has(digest, size),
      holds: (contents) => side.holds(contents),
      manifest: (digest) => side.manifest(digest),
      objectPath: (digest) => side.objectPath(digest),
      encodeEntry: (entry) => side.encodeEntry(entry),
      decodeEntry: (text, run) => side.decodeEntry(text, run),
      encodeName: (group) => side.encodeName(group),
      receive: (digest, options) => side.receive(digest, options),
      takeBytes: (objects) => side.takeBytes(objects),
      record: (entry) => {
        this.entry = entry;
        return Promise.resolve();
      },
    };
  }
}
