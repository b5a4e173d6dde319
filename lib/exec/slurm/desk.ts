// The folders of jobs on the shared file system, as the runner sees them: what a runner that dies leaves for the next one.
//   .dagrun/slurm/jobs/<batch>/record.json          what was submitted: the stages of a batch by position
//   .dagrun/slurm/jobs/<batch>/id                   its job id; one of an array ends with `_`
//   .dagrun/slurm/jobs/<batch>/closed               positions of the jobs that are done with, a line each
//   .dagrun/slurm/jobs/<batch>/<name>.<position>    of one job; see script.ts for what the job itself writes there
//   .dagrun/slurm/ends/<batch>.<position>           how that ended
// File systems that are shared are slow at making and removing files, and the runner waits meanwhile: a job has few, and those of a batch
// go together once its last job is closed.

import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readTextIfExists, writeFileAtomic } from '../../core/disk.ts';
import { codeOf } from '../../core/result.ts';

export interface JobRecord {
  readonly token: string;
  /** The pipeline file: two in one folder may have stages of one name. */
  readonly pipeline: string;
  readonly stage: string;
  readonly identity: string;
}

/** How the script ended. */
export interface ScriptEnd {
  readonly kind: 'exit' | 'terminated' | 'overtime' | 'revoked' | 'requeued' | 'nowhere';
  readonly code: number;
  /** Position of the command that ran last. */
  readonly command: number;
  readonly seconds: number;
  /** Bytes; null where it was too short to be measured. */
  readonly peakMemory: number | null;
  readonly node: string;
  readonly job: string;
}

/** Content of a claim that the runner has made, so that the job never begins. */
const withdrawn = 'withdrawn';
const kinds: readonly string[] = ['exit', 'terminated', 'overtime', 'revoked', 'requeued', 'nowhere'];

/** A submission: one job, or an array of them. */
export interface BatchRecord {
  readonly batch: string;
  readonly pipeline: string;
  readonly members: readonly Pick<JobRecord, 'stage' | 'identity'>[];
}

/** What jobs are known by: the batch that they were submitted with, and their place in it. */
export function tokenOf(batch: string, position: number): string {
  return `${batch}.${position}`;
}

/** The batch and the place of what tokenOf() made. */
export function partsOf(token: string): readonly [batch: string, position: string] {
  const [batch = '', position = ''] = token.split('.');
  return [batch, position];
}

export class Desk {
  readonly #root: string;
  readonly ends: string;
  /** Jobs of a batch that are not closed. */
  readonly #open = new Map<string, Set<string>>();

  /** `root`: absolute path of the folder; it is made when the first job is. */
  constructor(root: string) {
    this.#root = root;
    this.ends = `${root}/ends`;
  }

  batchFolder(batch: string): string {
    return `${this.#root}/jobs/${batch}`;
  }

  /** Absolute path of a file of the job; `name` of the kind is what script.ts calls it. */
  file(token: string, name: string): string {
    const [batch, position] = partsOf(token);
    return `${this.batchFolder(batch)}/${name}.${position}`;
  }

  /** Before the submission, and on the disk: a job that nobody knows of would be executed twice. `files`: names and contents. */
  open({ batch, pipeline, members }: BatchRecord, files: readonly (readonly [name: string, text: string])[]): void {
    const folder = this.batchFolder(batch);
    mkdirSync(this.ends, { recursive: true });
    mkdirSync(folder, { recursive: true });
    try {
      for (const [name, text] of files) writeFileSync(`${folder}/${name}`, text);
      writeFileAtomic(`${folder}/record.json`, JSON.stringify({ pipeline, members }), { durable: true });
    } catch (error) {
      this.#removeBatch(batch);
      throw error;
    }
    this.#open.set(batch, new Set(members.map((_, position) => tokenOf(batch, position))));
  }

  /** The job is done with: if it would start now it finds that it is too late, and ends. */
  close(token: string): void {
    const [batch, position] = partsOf(token);
    const open = this.#open.get(batch);
    if (open?.delete(token) !== true) return;
    this.#tryClaim(token);
    if (open.size === 0) {
      this.#removeBatch(batch);
      return;
    }
    try {
      appendFileSync(`${this.batchFolder(batch)}/closed`, `${position}\n`);
    } catch {
      // The disk is full, or the folder is gone: the next runner must not take it for a job whose result nobody has taken.
      rmSync(`${this.ends}/${token}`, { force: true });
    }
  }

  /**
   * Takes a while, and this runner may die meanwhile, or a job start late. What a job would do goes first, since one may claim as soon as no
   * claim is there, and then what tells of the batch: the next runner removes what is left without.
   */
  #removeBatch(batch: string): void {
    this.#open.delete(batch);
    const folder = this.batchFolder(batch);
    const tasks = list(folder).filter((name) => name.startsWith('tasks.'));
    for (const name of [...tasks, 'record.json']) rmSync(`${folder}/${name}`, { force: true });
    const ended = list(this.ends).filter((token) => token.startsWith(`${batch}.`));
    for (const token of ended) rmSync(`${this.ends}/${token}`, { force: true });
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // A job that starts late makes files meanwhile, or has one open: the next runner tries it again.
    }
  }

  /** Every job that was not closed, whoever submitted it. */
  records(): readonly JobRecord[] {
    const batches = list(`${this.#root}/jobs`);
    const known = new Set(batches);
    // A job that was given up may have come to its end when its batch was gone.
    const late = list(this.ends).filter((token) => !known.has(partsOf(token)[0]));
    for (const token of late) rmSync(`${this.ends}/${token}`, { force: true });
    return batches.flatMap((batch) => {
      const read = (name: string): string | undefined => readTextIfExists(`${this.batchFolder(batch)}/${name}`);
      const closed = new Set(read('closed')?.split('\n'));
      const records = parseRecord(batch, read('record.json')).filter((_, position) => !closed.has(String(position)));
      this.#open.set(batch, new Set(records.map(({ token }) => token)));
      // Without a record there was no submission.
      if (records.length === 0) this.#removeBatch(batch);
      return records;
    });
  }

  noteId(batch: string, id: string): void {
    writeFileSync(`${this.batchFolder(batch)}/id`, id);
  }

  /** The id of the job, as the job itself or the submission wrote it down. */
  idOf(token: string): string | undefined {
    const claimed = this.#claim(token) ?? '';
    if (/^\d+(_\d+)?$/.test(claimed)) return claimed;
    const [batch, position] = partsOf(token);
    const id = readTextIfExists(`${this.batchFolder(batch)}/id`)?.trim() ?? '';
    const isArray = id.endsWith('_');
    return id === '' ? undefined : isArray ? `${id}${position}` : id;
  }

  /** True where the job has not begun, and never will now. */
  withdraw(token: string): boolean {
    return this.#tryClaim(token) || this.#claim(token) === withdrawn;
  }

  /** False where somebody has claimed the job already. Without its folder nobody can. */
  #tryClaim(token: string): boolean {
    try {
      writeFileSync(this.file(token, 'claim'), withdrawn, { flag: 'wx' });
      return true;
    } catch (error) {
      return codeOf(error) === 'ENOENT';
    }
  }

  /** Who was first: `withdrawn`, or the id of the job (empty while it is being written); undefined: nobody. */
  #claim(token: string): string | undefined {
    return readText(this.file(token, 'claim'))?.trim();
  }

  hasBegun(token: string): boolean {
    const claim = this.#claim(token);
    return claim !== undefined && claim !== withdrawn;
  }

  /** The tokens of the jobs of a batch that were claimed. */
  claimed(batch: string): readonly string[] {
    const names = list(this.batchFolder(batch)).filter((name) => name.startsWith('claim.'));
    return names.map((name) => batch + name.slice('claim'.length));
  }

  /** The job ends its commands at its next beat, whatever the controller can or cannot do. */
  revoke(token: string): void {
    try {
      writeFileSync(this.file(token, 'revoked'), '');
    } catch {
      // The folder is gone, and with it the job's claim.
    }
  }

  isRevoked(token: string): boolean {
    return readText(this.file(token, 'revoked')) !== undefined;
  }

  /** Changes with every beat. */
  heart(token: string): string {
    return readText(this.file(token, 'heart')) ?? '';
  }

  /** What Slurm itself had to say about the job. */
  remarks(token: string): string {
    return (readText(this.file(token, 'slurm')) ?? '').slice(-20_000);
  }

  /** The tokens of jobs that have ended. A network file system shows them late, unless something was just written beside them. */
  ended(options: { readonly fresh: boolean } = { fresh: false }): ReadonlySet<string> {
    if (options.fresh) {
      const probe = `${this.ends}/.probe`;
      try {
        writeFileSync(probe, '');
        rmSync(probe, { force: true });
      } catch {
        // What can be seen without it will do.
      }
    }
    return new Set(list(this.ends));
  }

  end(token: string): ScriptEnd | undefined {
    return parseEnd(readText(`${this.ends}/${token}`));
  }
}

/** What cannot be read now may be there at the next look. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty for what is no record. */
function parseRecord(batch: string, text: string | undefined): readonly JobRecord[] {
  try {
    const { pipeline, members } = JSON.parse(text ?? '') as Record<string, unknown>;
    return (members as readonly Readonly<Record<string, unknown>>[]).flatMap(({ stage, identity }, position) => {
      if (typeof pipeline !== 'string' || typeof stage !== 'string' || typeof identity !== 'string') return [];
      return [{ token: tokenOf(batch, position), pipeline, stage, identity }];
    });
  } catch {
    return [];
  }
}

export function parseEnd(text: string | undefined): ScriptEnd | undefined {
  const [kind, code, command, began, ended, peak, node, job] = text?.trim().split(' ') ?? [];
  if (kind === undefined || !kinds.includes(kind) || job === undefined || node === undefined) return undefined;
  const [codeNumber, position, from, to, kib] = [code, command, began, ended, peak].map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (![codeNumber, position, from, to, kib].every(Number.isFinite)) return undefined;
  return {
    kind: kind as ScriptEnd['kind'],
    code: codeNumber,
    command: position,
    seconds: Math.max(0, to - from),
    peakMemory: kib === 0 ? null : kib * 1024,
    node,
    job,
  };
}
