// pipeline.lock: the committed record of the last good run of each stage. JSON, sorted by stage name, so that the same runs
// give the same bytes and two people who ran different stages rarely meet in a merge.

import {
  encodeContent,
  decodeFingerprint,
  decodeOut,
  decodeParts,
  haveDistinctPaths,
  isRecord,
} from '../plan/decode.ts';
import type { Lock, LockEntry } from '../plan/record.ts';
import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure, Fault } from '../core/failure.ts';
import { compareText } from '../core/path.ts';
import { codeOf, err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StageName } from '../pipeline/pipeline.ts';

const version = 1;

/** `pipeline.yaml` → `pipeline.lock`. DVC's own dvc.lock is left alone: `dvc.yaml` → `dvc.dagrun.lock`. */
export function lockFileFor(pipelineFile: string): string {
  const stem = stemOf(pipelineFile);
  return isDvcFile(pipelineFile) ? `${stem}.dagrun.lock` : `${stem}.lock`;
}

/** A file that DVC reads too. */
export function isDvcFile(pipelineFile: string): boolean {
  return /(^|\/)dvc$/.test(stemOf(pipelineFile));
}

function stemOf(pipelineFile: string): string {
  return pipelineFile.replace(/\.(ya?ml|json)$/i, '');
}

export function encodeLock(lock: Lock): string {
  const stages: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of [...lock.keys()].sort(compareText)) stages[name] = encodeEntry(lock.get(name)!);
  return `${JSON.stringify({ version, stages }, null, 2)}\n`;
}

function encodeEntry(entry: LockEntry): unknown {
  const outs = entry.outs.map((out) => ({ path: out.path, ...encodeContent(out.content) }));
  return { fingerprint: entry.fingerprint, parts: entry.parts, outs };
}

/** The fault names the line: a merge conflict, broken JSON, another version, or an entry that dagrun did not write. */
export function decodeLock(file: string, text: string): Result<Lock, Fault> {
  const conflict = lineOf(text, /^(<{7}|={7}|>{7}|\|{7})( |$)/m);
  if (conflict !== undefined) {
    return err({
      at: { file, line: conflict, column: 1 },
      message: 'the lock file has an unresolved git merge conflict',
      hint: `take either side whole (\`git checkout --ours ${file}\`), then run \`dagrun repro\`: what the cache knows is restored, not run again`,
    });
  }
  const parsed = parseJson(file, text);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  if (!isRecord(root) || !isRecord(root['stages']))
    return err(damaged(file, 1, 'the lock file is damaged: it has no "stages"'));
  if (root['version'] !== version) {
    const line = lineOf(text, /"version"/) ?? 1;
    return err({
      at: { file, line, column: 1 },
      message: `the lock file has version ${JSON.stringify(root['version'])}; this dagrun reads version ${version}`,
      hint: 'use the dagrun that wrote it, or delete the file: `dagrun repro` writes it again from the cache',
    });
  }
  const lock = new Map<StageName, LockEntry>();
  for (const [name, value] of Object.entries(root['stages'])) {
    const entry = decodeEntry(value);
    if (entry === undefined) {
      const line = lineOf(text, new RegExp(`^\\s*${escapeRegExp(JSON.stringify(name))}\\s*:`, 'm')) ?? 1;
      return err(damaged(file, line, `the lock file is damaged: the entry of stage "${name}" is not valid`));
    }
    lock.set(name as StageName, entry);
  }
  return ok(lock);
}

function damaged(file: string, line: number, message: string): Fault {
  const hint = `restore it (\`git checkout ${file}\`) or delete it: \`dagrun repro\` writes it again from the cache`;
  return { at: { file, line, column: 1 }, message, hint };
}

function decodeEntry(value: unknown): LockEntry | undefined {
  if (!isRecord(value) || !Array.isArray(value['outs'])) return undefined;
  const fingerprint = decodeFingerprint(value['fingerprint']);
  const parts = decodeParts(value['parts']);
  const outs = value['outs'].map(decodeOut);
  if (fingerprint === undefined || parts === undefined || !outs.every((out) => out !== undefined)) return undefined;
  return haveDistinctPaths(outs) ? { fingerprint, parts, outs } : undefined;
}

function parseJson(file: string, text: string): Result<unknown, Fault> {
  try {
    return ok(JSON.parse(text) as unknown);
  } catch (error) {
    const offset = Number(/at position (\d+)/.exec(messageOf(error))?.[1] ?? text.length);
    const line = text.slice(0, offset).split('\n').length;
    return err(damaged(file, line, `the lock file is damaged: ${messageOf(error)}`));
  }
}

function lineOf(text: string, pattern: RegExp): number | undefined {
  const index = pattern.exec(text)?.index;
  if (index === undefined) return undefined;
  const lead = /^\s*/.exec(text.slice(index))![0];
  return text.slice(0, index + lead.length).split('\n').length;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The lock file of one workspace: read once, written when it changed. */
export class LockFile {
  readonly #path: string;
  readonly #entries: Map<StageName, LockEntry>;
  #written: string | undefined;
  #dirty = false;

  private constructor(path: string, entries: Map<StageName, LockEntry>, written: string | undefined) {
    this.#path = path;
    this.#entries = entries;
    this.#written = written;
  }

  /** `file` is relative to `root`. A missing lock is an empty one. */
  static read(root: string, file: string): Result<LockFile, CommandFailure> {
    const path = `${root}/${file}`;
    try {
      const text = readTextIfExists(path);
      if (text === undefined) return ok(new LockFile(path, new Map(), undefined));
      const lock = decodeLock(file, text);
      return lock.ok ? ok(new LockFile(path, new Map(lock.value), text)) : err(failure('configuration', lock.error));
    } catch (error) {
      return err(failure('configuration', { message: `cannot read ${file}: ${messageOf(error)}` }));
    }
  }

  /** The text of the file as this process read or wrote it; undefined where there is none, or where entries are not in it yet. */
  get text(): string | undefined {
    return this.#dirty ? undefined : this.#written;
  }

  get entries(): Lock {
    return this.#entries;
  }

  get(name: StageName): LockEntry | undefined {
    return this.#entries.get(name);
  }

  set(name: StageName, entry: LockEntry): void {
    this.#entries.set(name, entry);
    this.#dirty = true;
  }

  /** Drops the entries of stages that the pipeline no longer has. */
  prune(isKnown: (name: StageName) => boolean): void {
    for (const name of this.#entries.keys()) {
      if (isKnown(name)) continue;
      this.#entries.delete(name);
      this.#dirty = true;
    }
  }

  /** Writes the lock if its bytes changed. Durable, in one step. */
  save(): Result<void, CommandFailure> {
    if (!this.#dirty) return ok(undefined);
    const text = encodeLock(this.#entries);
    if (text !== this.#written) {
      try {
        writeFileAtomic(this.#path, text, { durable: true });
      } catch (error) {
        const hint =
          codeOf(error) === 'ENOSPC'
            ? 'free some space and run `dagrun repro` again: what ran is in the cache'
            : undefined;
        return err(failure('storage', { message: `cannot write ${this.#path}: ${messageOf(error)}`, hint }));
      }
    }
    this.#written = text;
    this.#dirty = false;
    return ok(undefined);
  }
}
