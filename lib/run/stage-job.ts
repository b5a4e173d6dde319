// The other end of courier.ts: one stage, done on a node in a folder of its own. The inputs come by a remote, and what was made goes back by
// it, the result last: where that is not there, nothing was made.

import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadDigest } from '../core/digest.ts';
import { isPresent } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { buildEnvironment } from '../exec/environment.ts';
import { LocalExecutor } from '../exec/local.ts';
import { outputsOnNode } from '../exec/slurm/request.ts';
import { parseAddress } from '../pipeline/address.ts';
import { isRecord } from '../plan/decode.ts';
import type { Job, JobResult } from '../plan/ports.ts';
import type { OutRecord, RunEntry } from '../plan/record.ts';
import { openStorage } from '../remote/open.ts';
import type { RemoteAccess } from '../remote/open.ts';
import { caught } from '../remote/problem.ts';
import { Puller } from '../remote/pull.ts';
import { Pusher } from '../remote/push.ts';
import type { Storage } from '../remote/storage.ts';
import { CacheStore } from '../store/store.ts';
import { WorkspaceFiles } from '../workspace/files.ts';
import { Catcher } from './courier.ts';
import { claimFolder, folderPrefix, removeLeftovers } from './node-leftovers.ts';
import { accessVariable, decodeOrder, makeParcel, outputPath, parcelName } from './parcel.ts';
import type { Order, Ticket } from './parcel.ts';

export interface StageJobOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folders or files beside which optional packages are looked for. */
  readonly places: readonly string[];
  readonly signal: AbortSignal;
}

const onProgress = (): void => undefined;

/** Does the job. The error says why there is no result that somebody could fetch. */
export async function doStageJob(ticket: Ticket, options: StageJobOptions): Promise<Result<void, string>> {
  const access = readAccess(ticket, options);
  if (!access.ok) return access;
  const { environment } = options;
  await loadDigest();
  const place = environment['SLURM_TMPDIR'] ?? environment['TMPDIR'] ?? tmpdir();
  const folder = realpathSync(mkdtempSync(join(place, folderPrefix)));
  claimFolder(folder);
  const removed = removeLeftovers({ place, outputs: outputsOnNode });
  try {
    const desk = new NodeDesk(folder);
    const done = await caught(() => work(ticket, access.value, desk, options));
    return done.ok ? done.value : err(done.error.message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await removed;
  }
}

async function work(
  ticket: Ticket,
  access: RemoteAccess,
  desk: NodeDesk,
  options: StageJobOptions,
): Promise<Result<void, string>> {
  const storage = openStorage(access, options.signal);
  const parcel = await pull(ticket, storage, access.key, desk);
  if (!parcel.ok) return parcel;
  const order = decodeOrder(parcel.value.metrics);
  if (order === undefined) return err('the inputs are in no form that this dagrun knows: is it another version?');
  const unpacked = await desk.unpack(parcel.value.outs);
  if (!unpacked.ok) return unpacked;
  const result = await execute(order, desk, options);
  if (result.end.kind === 'interrupted') return err('it was interrupted');
  const isGood = result.end.kind === 'exited' && result.end.code === 0;
  const outs = await desk.pack(isGood ? [outputPath, ...order.outs] : [outputPath]);
  if (!outs.ok) return outs;
  const host = options.environment['SLURMD_NODENAME'] ?? hostname();
  const { end, seconds, peakMemory } = result;
  const back = makeParcel(parcelName('from', ticket.token), order.stage, outs.value, {
    end,
    seconds,
    peakMemory,
    host,
  });
  return push(back, storage, { key: access.key, owner: ticket.token }, desk);
}

async function pull(
  { token, result }: Ticket,
  storage: Storage,
  key: string | null,
  { store }: NodeDesk,
): Promise<Result<RunEntry, string>> {
  const catcher = new Catcher(store.sharing());
  const puller = new Puller(storage, catcher.cache, { key, onProgress });
  await puller.pull([{ fingerprint: parcelName('to', token), result }], () => true);
  const why = puller.report.skipped.join('; ');
  return catcher.entry === undefined ? err(`the inputs cannot be had: ${why}`) : ok(catcher.entry);
}

async function push(
  parcel: RunEntry,
  storage: Storage,
  options: { readonly key: string | null; readonly owner: string },
  { store }: NodeDesk,
): Promise<Result<void, string>> {
  const pusher = new Pusher(storage, store.sharing(), { ...options, force: false, folder: null, onProgress });
  try {
    await pusher.push([parcel]);
  } finally {
    await pusher.finish();
  }
  const { skipped } = pusher.report;
  return skipped.length === 0 ? ok(undefined) : err(`the result cannot be sent: ${skipped.join('; ')}`);
}

async function execute(order: Order, desk: NodeDesk, { environment, signal }: StageJobOptions): Promise<JobResult> {
  const { stage, cmd, wdir, resources, timeout } = order;
  const context = `${desk.folder}/context.json`;
  const said = JSON.parse(order.context) as Readonly<Record<string, unknown>>;
  writeFileSync(context, `${JSON.stringify({ ...said, root: desk.root }, null, 2)}\n`);
  const base = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== accessVariable));
  const cwd = wdir === '' ? desk.root : `${desk.root}/${wdir}`;
  mkdirSync(cwd, { recursive: true });
  for (const out of order.outs) mkdirSync(dirname(`${desk.root}/${out}`), { recursive: true });
  const env = buildEnvironment({ base, stage, root: desk.root, context });
  const job: Job = { stage, cmd, cwd, env, logPath: `${desk.folder}/log`, resources, timeout };
  const output = openSync(`${desk.root}/${outputPath}`, 'w');
  // Whoever removes the folder after this process was killed removes all that it has made.
  const executor = new LocalExecutor({ scratch: desk.folder });
  try {
    const line = (text: string): void => void writeSync(output, `${text}\n`);
    return await executor.run(job, { line, progress: () => undefined }, signal);
  } finally {
    await executor.close();
    closeSync(output);
  }
}

/** A workspace and a cache that live as long as the job. */
class NodeDesk {
  readonly folder: string;
  readonly root: string;
  readonly store: CacheStore;

  constructor(folder: string) {
    this.folder = folder;
    this.root = `${folder}/workspace`;
    mkdirSync(`${this.root}/.dagrun`, { recursive: true });
    this.store = CacheStore.open({ dir: `${folder}/cache`, root: this.root, onWarning: () => undefined });
  }

  async unpack(files: readonly OutRecord[]): Promise<Result<void, string>> {
    for (const { path, content } of files) {
      const done = await this.store.checkout({ path: `${this.root}/${path}`, content }, 'copy');
      if (!done.ok) return err(`the input "${path}" cannot be put in its place: ${done.error.message}`);
    }
    return ok(undefined);
  }

  /** What is there of these paths, stored. Whether something is missing is for those to say who wait for it. */
  async pack(paths: readonly RepoPath[]): Promise<Result<readonly OutRecord[], string>> {
    const files = await WorkspaceFiles.open({ root: this.root, stateDir: `${this.folder}/state` });
    const found: OutRecord[] = [];
    for (const path of paths) {
      const content = await files.observe(path);
      if (!isPresent(content)) continue;
      const stored = await this.store.put({ path: `${this.root}/${path}`, content });
      if (!stored.ok) return err(stored.error.message);
      found.push({ path, content });
    }
    return ok(found);
  }
}

function readAccess({ remote }: Ticket, { environment, places }: StageJobOptions): Result<RemoteAccess, string> {
  const address = parseAddress(remote.url);
  if (!address.ok) return err(address.error.message);
  const secret = readJson(environment[accessVariable]);
  const key = secret?.['key'] ?? null;
  const secrets = secret?.['secrets'];
  if ((key !== null && typeof key !== 'string') || !isRecord(secrets)) return err(`${accessVariable} is not set`);
  const { name, url, options } = remote;
  const texts = secrets as Readonly<Record<string, string>>;
  return ok({ name, url, address: address.value, push: true, key, options, secrets: texts, root: '/', places });
}

function readJson(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
