// The project's files as the run loop sees them: what is at a path now, and never an answer that an edit could have made untrue.
// Answers come from the stat index where stat vouches for them. Does not know what a stage, a dep or an out is.

import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { posix } from 'node:path';
import type { Digest } from '../core/digest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Observation } from '../core/observation.ts';
import { isWithin } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import type { Value } from '../core/value.ts';
import type { Dep } from '../pipeline/pipeline.ts';
import type { WorkspaceReader } from '../plan/ports.ts';
import { lstatIfExists, lstatIfReadable } from './files-stat.ts';
import { Pace } from './files-pace.ts';
import type { Steps } from './files-pace.ts';
import { listGlob } from './glob.ts';
import { FileHasher, describe, oddKind } from './hash.ts';
import { FileClock } from './hash-clock.ts';
import { IgnoreRules } from './ignore.ts';
import { ParamFiles } from './params.ts';
import type { ParamsProblem } from './params.ts';
import { Places } from './places.ts';
import type { Segment } from './segment-parts.ts';
import { StatIndex } from './stat-index.ts';
import { listEntries } from './tree-manifest.ts';
import { observeTree, realPlace } from './tree.ts';
import type { TreeTools } from './tree.ts';

export interface WorkspaceOptions {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of the runner's own folder, usually `<root>/.dagrun`. It never counts as content. */
  readonly stateDir: string;
  /** Absolute paths of further files and folders that never count as content of a folder: the cache, the lock. */
  readonly excluded?: readonly string[];
}

const globPrefix = '\0glob ';

/** What this process has seen at a path. */
interface Memo {
  readonly observation: MaybePromise<Observation>;
  /** A change elsewhere can change it: it was reached through symbolic links. */
  leaves: boolean;
}

export class WorkspaceFiles implements Pick<WorkspaceReader, 'observe' | 'observeGlob' | 'params'> {
  readonly #root: string;
  readonly #excluded: readonly string[];
  readonly #rules: IgnoreRules;
  readonly #index: StatIndex;
  readonly #params: ParamFiles;
  readonly #pace = new Pace();
  readonly #hasher: FileHasher;
  readonly #tools: TreeTools;
  readonly #memo = new Map<string, Memo>();
  /** Keys of memos that leave, and of all memos by place. */
  readonly #leaving = new Set<string>();
  #places: Places | undefined;
  /** For each folder in which something was observed, whether a link leads to it. */
  readonly #parents = new Map<string, boolean>();
  /** How often something was forgotten. */
  #forgotten = 0;

  /** loadDigest() must have been awaited. */
  static async open(options: WorkspaceOptions): Promise<WorkspaceFiles> {
    // One spelling of the root, or what links lead to would not be recognised as lying inside.
    const place = realPlace(options.root);
    const root = place.ok && place.value !== null ? place.value : options.root;
    const canonical = (path: string): string =>
      isWithin(options.root, path) ? root + path.slice(options.root.length) : path;
    const stateDir = canonical(options.stateDir);
    const excluded = [stateDir, ...(options.excluded ?? []).map(canonical)];
    return new WorkspaceFiles({ root, stateDir }, excluded, await IgnoreRules.load(root, excluded));
  }

  private constructor({ root, stateDir }: WorkspaceOptions, excluded: readonly string[], rules: IgnoreRules) {
    this.#root = root;
    this.#excluded = excluded;
    this.#rules = rules;
    this.#index = new StatIndex({
      folder: stateDir,
      placeOf: (key) => (key.startsWith('\0') ? undefined : this.#placeOf(key)),
    });
    this.#params = new ParamFiles(`${stateDir}/params`);
    this.#hasher = new FileHasher(this.#pace, new FileClock(stateDir));
    this.#tools = {
      index: this.#index,
      hasher: this.#hasher,
      pace: this.#pace,
      rules: rules.digest,
      skipsIn: (base) => rules.skipsIn(base),
      keyOf: (path) => (path !== root && isWithin(root, path) ? path.slice(root.length + 1) : path),
      file: (key, path) => this.#file(key, path),
    };
  }

  /** A file (absolute path) that was written by this program: its digest is known as long as stat says the same of it. */
  vouch(path: string, digest: Digest, stat: Stats): void {
    this.#hasher.vouch(path, digest, stat);
  }

  /** Lets the index know, for the next process, what was vouched for at these paths or below. */
  async rememberVouched(paths: readonly string[]): Promise<void> {
    const { vouched } = this.#hasher;
    if (vouched.length === 0) return;
    const byPlace = new Map(paths.map((path) => [this.#placeOf(path), path]));
    const known = new Set<string>();
    for (const file of vouched) {
      for (let place = file; place.length > 1; place = posix.dirname(place)) {
        const path = byPlace.get(place);
        if (path !== undefined) known.add(path);
      }
    }
    await this.#hasher.settle();
    for (const path of known) await this.recheck(path);
  }

  /** Files whose content was read so far. */
  get filesRead(): number {
    return this.#hasher.filesRead;
  }

  /** What is at a path; remembered until forget() or recheck(). */
  observe(path: string): MaybePromise<Observation> {
    return this.#memo.get(path)?.observation ?? this.#glance(path) ?? this.recheck(path);
  }

  /** The answer for an ordinary file whose stat vouches for its digest: most paths of most runs, and so without ceremony. */
  #glance(path: string): Observation | undefined {
    const place = this.#placeOf(path);
    const stat = lstatIfReadable(place);
    if (stat?.isFile() !== true || this.#parentIsLinked(place)) return undefined;
    const digest = this.#index.file(path, stat);
    if (digest === undefined) return undefined;
    const observation = { kind: 'file', digest, size: stat.size, executable: isExecutable(stat) } as const;
    this.#setMemo(path, { observation, leaves: false });
    return observation;
  }

  /** What is at a path now, whatever this process has seen there. */
  recheck(path: string): MaybePromise<Observation> {
    return this.#remember(path, (memo) => this.#pace.drive(this.#observe(path, memo)));
  }

  /** The files that a pattern matches, as a folder; remembered until anything is forgotten. */
  observeGlob(pattern: string): MaybePromise<Observation> {
    return this.#memo.get(globPrefix + pattern)?.observation ?? this.recheckGlob(pattern);
  }

  recheckGlob(pattern: string): MaybePromise<Observation> {
    return this.#remember(globPrefix + pattern, (memo) => this.#observeGlob(pattern, memo));
  }

  /** False where certainly nothing is at the path, or nothing matches the pattern. Reads no content. */
  async exists({ path, kind }: Pick<Dep, 'path' | 'kind'>): Promise<boolean> {
    if (kind === 'path') {
      const found = this.#locate(this.#placeOf(path));
      return !found.ok || found.value.stat !== undefined;
    }
    const listed = await listGlob(path, { root: this.#root, rules: this.#rules, excluded: this.#excluded });
    return !listed.ok || listed.value.length > 0;
  }

  /** The manifest of the folder at a path, as observe() sees it now. The error says why there is none. */
  async manifest(path: string): Promise<Result<Manifest, string>> {
    const seen = await this.recheck(path);
    if (seen.kind === 'unreadable') return err(seen.reason);
    const record = seen.kind === 'tree' ? this.#index.tree(path === '' ? '.' : path) : undefined;
    return record === undefined ? err('it is no folder') : ok(listEntries(record));
  }

  params(file: string): MaybePromise<Result<Value, ParamsProblem>> {
    return this.#params.read(file, this.#placeOf(file));
  }

  /** True where the ignore file names the path. What it is on the disk only matters where the rules tell files from folders. */
  ignores(path: string): boolean {
    const asFile = this.#rules.names(path, false);
    if (asFile === this.#rules.names(path, true)) return asFile;
    return lstatIfExists(this.#placeOf(path))?.isFile() === true ? asFile : !asFile;
  }

  /**
   * What stat said of everything at these paths when this process observed it. Undefined where that does not vouch for all of it: something was
   * not observed, is missing, was reached through links, or has just changed; or something was forgotten, and may have been seen in two states.
   */
  rowsOf(paths: readonly string[]): Segment | undefined {
    if (this.#forgotten > 0) return undefined;
    const files: string[] = [];
    const folders: string[] = [];
    for (const path of paths) {
      const memo = this.#memo.get(path);
      if (memo === undefined || memo.leaves || memo.observation instanceof Promise) return undefined;
      if (memo.observation.kind === 'file') files.push(path);
      else if (memo.observation.kind === 'tree') folders.push(path === '' ? '.' : path);
      else return undefined;
    }
    return this.#index.extract(files, folders);
  }

  /** Paths and digests of the parameter files and ignore files that were read, one for each text that was found there; null: there was none. */
  get textsRead(): readonly (readonly [string, Digest | null])[] {
    return [...this.#rules.texts, ...this.#params.texts.values()];
  }

  /** To be called after something was written at, in or around a path: what was seen there is looked at again. */
  forget(path: string): void {
    this.#forgotten++;
    this.#parents.clear();
    this.#places ??= this.#locateMemos();
    for (const key of this.#places.take(this.#placeOf(path))) this.#memo.delete(key);
    for (const key of this.#leaving) this.#memo.delete(key);
    this.#leaving.clear();
  }

  /** Made when something is forgotten for the first time: a run that finds nothing to do does without. */
  #locateMemos(): Places {
    const places = new Places();
    for (const key of this.#memo.keys()) places.add(this.#placeOf(key), key);
    return places;
  }

  #setMemo(key: string, memo: Memo): void {
    this.#memo.set(key, memo);
    this.#places?.add(this.#placeOf(key), key);
    if (memo.leaves) this.#leaving.add(key);
  }

  /** Forgets all that this process has seen: time has passed, and anything may have changed. */
  forgetAll(): void {
    this.#forgotten++;
    this.#parents.clear();
    this.#memo.clear();
    this.#leaving.clear();
    this.#places = undefined;
  }

  /** Writes the stat index if it changed. Never fails: the index may be dropped at any time. */
  save(): void {
    this.#index.save();
  }

  #remember(key: string, look: (memo: { leaves: boolean }) => MaybePromise<Observation>): MaybePromise<Observation> {
    const state = { leaves: true };
    const observation = look(state);
    const memo: Memo = { observation, leaves: state.leaves };
    this.#setMemo(key, memo);
    if (observation instanceof Promise) void this.#settle(key, memo, observation, state);
    return observation;
  }

  /** Puts the answer in the place of its promise, unless it was forgotten meanwhile. */
  async #settle(key: string, memo: Memo, observation: Promise<Observation>, state: { leaves: boolean }): Promise<void> {
    const seen = await observation.catch(() => undefined);
    if (this.#memo.get(key) !== memo) return;
    if (seen === undefined) this.#memo.delete(key);
    else this.#setMemo(key, { observation: seen, leaves: state.leaves });
  }

  *#observe(path: string, memo: { leaves: boolean }): Steps<Observation> {
    const found = this.#locate(this.#placeOf(path));
    if (!found.ok) return { kind: 'unreadable', reason: found.error };
    const { stat, place, linked } = found.value;
    if (stat === undefined) return { kind: 'missing' };
    const kind = stat.mode & constants.S_IFMT;
    if (kind !== constants.S_IFDIR) memo.leaves = linked;
    if (kind === constants.S_IFREG) return yield* this.#fileSeen(path, place, stat);
    if (kind !== constants.S_IFDIR) return { kind: 'unreadable', reason: `it is ${oddKind(stat.mode)}` };
    const tree = yield* observeTree(this.#tools, { key: path === '' ? '.' : path, base: place, listed: null });
    // Known only now: until then any change elsewhere may have a say.
    memo.leaves = linked || tree.leaves;
    return tree.observation;
  }

  async #observeGlob(pattern: string, memo: { leaves: boolean }): Promise<Observation> {
    const listed = await listGlob(pattern, { root: this.#root, rules: this.#rules, excluded: this.#excluded });
    if (!listed.ok) return { kind: 'unreadable', reason: listed.error };
    const request = { key: globPrefix + pattern, base: this.#root, listed: listed.value };
    const tree = await this.#pace.drive(observeTree(this.#tools, request));
    memo.leaves = true;
    return tree.observation;
  }

  *#file(key: string, path: string): Steps<Observation> {
    const stat = lstatIfExists(path);
    if (stat === undefined) return { kind: 'missing' };
    if (!stat.isFile()) return { kind: 'unreadable', reason: `it is ${oddKind(stat.mode)}` };
    return yield* this.#fileSeen(key, path, stat);
  }

  *#fileSeen(key: string, path: string, stat: Stats): Steps<Observation> {
    const known = this.#index.file(key, stat);
    if (known !== undefined) return { kind: 'file', digest: known, size: stat.size, executable: isExecutable(stat) };
    const hashed = yield* this.#hasher.hash(path, stat);
    if (!hashed.ok) return { kind: 'unreadable', reason: hashed.error };
    this.#index.setFile(key, hashed.value);
    const { digest, stat: read } = hashed.value;
    return { kind: 'file', digest, size: read.size, executable: isExecutable(read) };
  }

  /** Follows a link at the path itself; `linked`: a link was followed there or on the way. */
  #locate(place: string): Result<{ stat: Stats | undefined; place: string; linked: boolean }, string> {
    try {
      const stat = lstatIfExists(place);
      if (stat === undefined) return ok({ stat, place, linked: true });
      if (!stat.isSymbolicLink()) return ok({ stat, place, linked: this.#parentIsLinked(place) });
      const real = realPlace(place);
      if (!real.ok) return real;
      const end = real.value === null ? undefined : lstatIfExists(real.value);
      return ok({ stat: end, place: real.value ?? place, linked: true });
    } catch (error) {
      return err(describe(error));
    }
  }

  #parentIsLinked(place: string): boolean {
    const parent = posix.dirname(place);
    let linked = this.#parents.get(parent);
    if (linked === undefined) {
      const real = realPlace(parent);
      linked = !real.ok || real.value !== parent;
      this.#parents.set(parent, linked);
    }
    return linked;
  }

  #placeOf(path: string): string {
    if (path.startsWith('/')) return path;
    if (path === '' || path === '.') return this.#root;
    return path.startsWith('..') ? posix.join(this.#root, path) : `${this.#root}/${path}`;
  }
}

function isExecutable(stat: Stats): boolean {
  return (stat.mode & 0o100) !== 0;
}
