// The folders of jobs on the shared file system, as the runner sees them: what a runner that dies leaves for the next one.
//   .dagrun/slurm/jobs/<batch>/record.json     what was submitted: the stages of a batch by position
//   .dagrun/slurm/jobs/<batch>/id              its job id; one of an array ends with `_`
//   .dagrun/slurm/jobs/<batch>/<position>/     one job; see script.ts for what the job itself writes there
//   .dagrun/slurm/ends/<batch>.<position>      how that ended

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  folder(token: string): string {
    return this.batchFolder(token.replace('.', '/'));
  }

  /** Before the submission, and on the disk: a job that nobody knows of would be executed twice. `files`: those of each member. */
  open(record: BatchRecord, files: readonly (readonly (readonly [name: string, text: string])[])[]): void {
    const { batch, pipeline, members } = record;
    mkdirSync(this.ends, { recursive: true });
    for (const [position, own] of files.entries()) {
      const folder = this.folder(tokenOf(batch, position));
      mkdirSync(folder, { recursive: true });
      for (const [name, text] of own) writeFileSync(`${folder}/${name}`, text);
    }
    writeFileAtomic(`${this.batchFolder(batch)}/record.json`, JSON.stringify({ pipeline, members }), { durable: true });
    this.#open.set(batch, new Set(members.map((_, position) => tokenOf(batch, position))));
  }

  /** Nothing is left of it: a job that would start now finds nothing to claim, and ends. */
  close(token: string): void {
    rmSync(this.folder(token), { recursive: true, force: true });
    rmSync(`${this.ends}/${token}`, { force: true });
    const [batch = token] = token.split('.', 1);
    const open = this.#open.get(batch);
    open?.delete(token);
    if (open?.size === 0) this.#removeBatch(batch);
  }

  #removeBatch(batch: string): void {
    this.#open.delete(batch);
    rmSync(this.batchFolder(batch), { recursive: true, force: true });
  }

  /** Every job that was not closed, whoever submitted it. */
  records(): readonly JobRecord[] {
    return list(`${this.#root}/jobs`).flatMap((batch) => {
      const text = readTextIfExists(`${this.batchFolder(batch)}/record.json`);
      const records = parseRecord(batch, text).filter(({ token }) => existsSync(this.folder(token)));
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
    const [batch = token, position] = token.split('.');
    const id = readTextIfExists(`${this.batchFolder(batch)}/id`)?.trim() ?? '';
    const isArray = id.endsWith('_');
    return id === '' ? undefined : isArray ? `${id}${position ?? ''}` : id;
  }

  /** True where the job has not begun, and never will now. */
  withdraw(token: string): boolean {
    try {
      writeFileSync(`${this.folder(token)}/claim`, withdrawn, { flag: 'wx' });
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return this.#claim(token) === withdrawn;
      return codeOf(error) === 'ENOENT';
    }
  }

  /** Who was first: `withdrawn`, or the id of the job (empty while it is being written); undefined: nobody. */
  #claim(token: string): string | undefined {
    try {
      return readFileSync(`${this.folder(token)}/claim`, 'utf8').trim();
    } catch (error) {
      // Jobs of earlier versions made a folder.
      return codeOf(error) === 'EISDIR' ? '' : undefined;
    }
  }

  hasBegun(token: string): boolean {
    const claim = this.#claim(token);
    return claim !== undefined && claim !== withdrawn;
  }

  /** The job ends its commands at its next beat, whatever the controller can or cannot do. */
  revoke(token: string): void {
    try {
      writeFileSync(`${this.folder(token)}/revoked`, '');
    } catch {
      // The folder is gone, and with it the job's claim.
    }
  }

  isRevoked(token: string): boolean {
    return readTextIfExists(`${this.folder(token)}/revoked`) !== undefined;
  }

  /** Changes with every beat. */
  heart(token: string): string {
    return readTextIfExists(`${this.folder(token)}/heart`) ?? '';
  }

  /** What Slurm itself had to say about the job. */
  remarks(token: string): string {
    try {
      return readFileSync(`${this.folder(token)}/slurm.out`, 'utf8').slice(-20_000);
    } catch {
      return '';
    }
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
    return parseEnd(readTextIfExists(`${this.ends}/${token}`));
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty for what is no record. Earlier versions wrote one for each job. */
function parseRecord(batch: string, text: string | undefined): readonly JobRecord[] {
  try {
    const parsed = JSON.parse(text ?? '') as Record<string, unknown>;
    const { pipeline, members } = parsed;
    const isOld = members === undefined;
    const all = (isOld ? [parsed] : members) as readonly Readonly<Record<string, unknown>>[];
    return all.flatMap(({ stage, identity }, position) => {
      if (typeof pipeline !== 'string' || typeof stage !== 'string' || typeof identity !== 'string') return [];
      return [{ token: isOld ? batch : tokenOf(batch, position), pipeline, stage, identity }];
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
