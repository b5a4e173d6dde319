// The cache folder: what every run made, kept by content, and restored where the same inputs come again.
// Opening it touches no disk. Knows nothing of pipelines, plans or scopes: it keeps what it is given under the names in layout.ts.

import { realpathSync } from 'node:fs';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import { err, ok } from '../core/result.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import type { LinkKind } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { Guard, Placement, ResultCache, StoreProblem } from '../plan/ports.ts';
import type { RunEntry } from '../plan/record.ts';
import { beginActivity, isRunnerActive } from './activity.ts';
import type { Busy } from './activity.ts';
import { checkOut } from './checkout.ts';
import type { OnVerified } from './checkout.ts';
import { Fence } from './escape.ts';
import { collectGarbage } from './gc.ts';
import type { GcOptions, GcReport } from './gc.ts';
import { HitCounter } from './hits.ts';
import { Layout } from './layout.ts';
import { listUnfinished, logPath, logTail, readExecution, readExecutions, writeExecution } from './logs.ts';
import type { ExecutionRecord } from './logs.ts';
import { mergeCache } from './merge.ts';
import type { MergeReport } from './merge.ts';
import { ObjectStore } from './objects.ts';
import { Warnings, ioProblem, problem } from './problem.ts';
import type { OnWarning } from './problem.ts';
import { RunTable } from './runs.ts';
import { SharingSide } from './sharing.ts';
import { measureCache } from './stats.ts';
import type { CacheStats } from './stats.ts';
import { readTree } from './tree.ts';
import { verifyCache } from './verify.ts';
import type { VerifyProgress, VerifyReport } from './verify.ts';
import { listWorkspaces, registerWorkspace } from './workspaces.ts';

/** The manifest of a folder as the workspace sees it; the error is a sentence. */
export type TreeReader = (folder: string) => MaybePromise<Result<Manifest, string>>;

export interface CacheOptions {
  /** Absolute path of the cache folder. It need not exist. */
  readonly dir: string;
  /** Absolute path of the workspace; nothing outside it is ever written, but for the cache itself. */
  readonly root: string;
  readonly onWarning: OnWarning;
  /** How a folder becomes a manifest where the workspace has ignore files or a stat index. Default: every file is read. */
  readonly readTree?: TreeReader;
  /** Told of files that a checkout has put in the workspace, and that need not be read to know what they are. */
  readonly onVerified?: OnVerified;
}

export class CacheStore implements ResultCache {
  readonly #root: string;
  readonly #layout: Layout;
  readonly #warnings: Warnings;
  readonly #objects: ObjectStore;
  readonly #runs: RunTable;
  readonly #fence: Fence;
  readonly #hits: HitCounter;
  readonly #readTree: TreeReader;
  readonly #onVerified: OnVerified;
  #registered = false;

  private constructor(options: CacheOptions) {
    this.#root = options.root;
    this.#layout = new Layout(options.dir);
    this.#warnings = new Warnings(options.onWarning);
    this.#objects = new ObjectStore(this.#layout, this.#warnings);
    this.#runs = new RunTable(this.#layout, this.#warnings);
    this.#fence = new Fence(options.root, options.dir);
    this.#hits = new HitCounter(this.#layout);
    this.#readTree = options.readTree ?? readTree;
    this.#onVerified = options.onVerified ?? (() => undefined);
  }

  static open(options: CacheOptions): CacheStore {
    return new CacheStore(options);
  }

  candidates(fingerprint: Fingerprint): readonly RunEntry[] {
    return this.#runs.candidates(fingerprint);
  }

  history(group: string, options = { trim: false }): readonly RunEntry[] {
    return this.#runs.history(group, options);
  }

  historyDigest(group: string): Digest {
    return this.#runs.historyDigest(group);
  }

  holds(contents: readonly Present[]): boolean {
    return this.#objects.holds(contents);
  }

  manifest(digest: Digest): Result<Manifest, StoreProblem> {
    return this.#objects.manifest(digest);
  }

  async put(out: Placement): Promise<Result<void, StoreProblem>> {
    try {
      if (out.content.kind === 'tree') return await this.#putTree(out);
      const { digest, size } = out.content;
      // The name alone is not synced: that comes with the entry, and one lost in a power cut is a missing object, which is a miss.
      return await this.#objects.putFiles([{ path: out.path, digest, size }]);
    } catch (error) {
      return err(ioProblem(error, `cannot store "${out.path}" in the cache ${this.#layout.dir}`));
    }
  }

  /** Files first, the manifest last: a manifest that is there has its files. */
  async #putTree(out: Placement): Promise<Result<void, StoreProblem>> {
    const folder = realpathSync.native(out.path);
    const manifest = await this.#readTree(folder);
    if (!manifest.ok) return err(problem('refused', `cannot store "${out.path}": ${manifest.error}`));
    const text = encodeManifest(manifest.value);
    if (digestText(text) !== out.content.digest)
      return err(problem('refused', `"${out.path}" changed while it was stored`));
    for (const entry of manifest.value) {
      if (entry.kind !== 'link') continue;
      const why = this.#fence.refuseLink(parentOf(`${folder}/${entry.path}`), entry.target);
      if (why !== undefined)
        return err(problem('refused', `cannot store the symbolic link "${out.path}/${entry.path}": ${why}`));
    }
    const files = manifest.value.flatMap((entry) =>
      entry.kind === 'file' ? [{ path: `${folder}/${entry.path}`, digest: entry.digest, size: entry.size }] : [],
    );
    const stored = await this.#objects.putFiles(files);
    if (!stored.ok) return stored;
    const last = await this.#objects.putText(out.content.digest, text);
    if (last.ok) this.#objects.syncNames(out.content.digest);
    return last;
  }

  /** Writes a run entry. Where the cache cannot be written to, the run stands but is not remembered: a warning says so. */
  async record(entry: RunEntry): Promise<void> {
    try {
      await this.#runs.write(entry);
      if (!this.#registered) registerWorkspace(this.#layout, this.#root);
      this.#registered = true;
    } catch (error) {
      const { message } = ioProblem(
        error,
        `the run of ${entry.stage} is not remembered: cannot write to the cache ${this.#layout.dir}`,
      );
      this.#warnings.once(message, 'it will be executed again where its outs are needed');
    }
  }

  checkout(out: Placement, link: LinkKind): Promise<Result<void, StoreProblem>> {
    return checkOut(out, { objects: this.#objects, fence: this.#fence, link, onVerified: this.#onVerified });
  }

  /** Counts a restore, for stats(); some are written only by flushHits(). */
  noteHit(entry: RunEntry): void {
    this.#hits.note(entry);
  }

  flushHits(): void {
    this.#hits.flush();
  }

  /** Absolute path of an execution's log; its folder may not be there yet. */
  logPath(stage: string, runId: string): string {
    return logPath(this.#layout, stage, runId);
  }

  /** Keeps the record of an execution beside its log. Where that fails, a warning says so. */
  writeExecution(record: ExecutionRecord): void {
    try {
      writeExecution(this.#layout, record);
    } catch (error) {
      this.#warnings.once(
        ioProblem(error, `the execution of ${record.stage} is not recorded in ${this.#layout.dir}`).message,
      );
    }
  }

  /** The recorded executions of a stage, newest first. */
  executions(stage: string): readonly ExecutionRecord[] {
    return readExecutions(this.#layout, stage);
  }

  /** Ids of executions of a stage that have a log and no record: they are under way, or their runner died. */
  unfinished(stage: string): readonly string[] {
    return listUnfinished(this.#layout, stage);
  }

  /** The record of one execution; undefined where it is under way, or its runner died. */
  execution(stage: string, runId: string): ExecutionRecord | undefined {
    return readExecution(this.#layout, stage, runId);
  }

  /** True while a runner is at work on this cache that began at that moment (milliseconds) or before. */
  isRunnerActive(since: number): boolean {
    return isRunnerActive(this.#layout, since);
  }

  /** Seconds that the last successful execution of a stage took; null where none is recorded. */
  lastSeconds(stage: string): number | null {
    return this.executions(stage).find((record) => record.outcome === 'succeeded')?.seconds ?? null;
  }

  /** Absolute path of an object: a read-only file. */
  objectPath(digest: Digest): string {
    return this.#layout.object(digest);
  }

  /** For what moves runs between this cache and a remote. */
  sharing(): SharingSide {
    return new SharingSide(this.#objects, this.#root, (entry) => this.record(entry));
  }

  /** Every valid run entry, of whatever stage. */
  allRuns(): readonly RunEntry[] {
    return this.#runs.all();
  }

  /** The last lines of a log, oldest first; none where there is no log. */
  logTail(path: string, lines: number): readonly string[] {
    return logTail(path, lines);
  }

  /** Registers a runner until release() is called; refused while a gc is at work. */
  beginActivity(command: string): Result<Guard, Busy> {
    const guard = beginActivity(this.#layout, 'runner', command);
    if (!guard.ok) return guard;
    const release = (): void => {
      this.#objects.incoming.clear();
      guard.value.release();
    };
    return ok({ release });
  }

  /** Absolute paths of the workspaces that stored something here and still exist. */
  workspaces(): readonly string[] {
    return listWorkspaces(this.#layout, { forget: false });
  }

  /** Removes what is not kept; refused while anybody else uses the cache. A `dry` one changes nothing and is never refused. */
  async gc(options: GcOptions): Promise<Result<GcReport, Busy | StoreProblem>> {
    return this.#guarded('gc', 'dagrun gc', options.dry, async () => ok(await collectGarbage(this.#objects, options)));
  }

  /** Checks everything. Refused only where it repairs while a gc is at work. */
  async verify(
    options: { readonly repair: boolean },
    onProgress: (progress: VerifyProgress) => void,
  ): Promise<Result<VerifyReport, Busy | StoreProblem>> {
    const work = async (): Promise<Result<VerifyReport, never>> =>
      ok(await verifyCache(this.#objects, this.#runs, options, onProgress));
    return this.#guarded('runner', 'dagrun cache verify', !options.repair, work);
  }

  /** Takes over what another cache folder (absolute path) holds. */
  async merge(dir: string): Promise<Result<MergeReport, Busy | StoreProblem>> {
    return this.#guarded('runner', 'dagrun cache merge', false, () => mergeCache(this.#objects, this.#runs, dir));
  }

  async stats(): Promise<Result<CacheStats, StoreProblem>> {
    try {
      return ok(await measureCache(this.#layout));
    } catch (error) {
      return err(ioProblem(error, `cannot read the cache ${this.#layout.dir}`));
    }
  }

  async #guarded<T>(
    kind: 'runner' | 'gc',
    command: string,
    readOnly: boolean,
    work: () => Promise<Result<T, StoreProblem>>,
  ): Promise<Result<T, Busy | StoreProblem>> {
    try {
      const guard = readOnly ? ok({ release: () => undefined }) : beginActivity(this.#layout, kind, command);
      if (!guard.ok) return guard;
      try {
        return await work();
      } finally {
        guard.value.release();
      }
    } catch (error) {
      return err(ioProblem(error, `cannot work on the cache ${this.#layout.dir}`));
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
