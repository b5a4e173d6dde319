// The folders of jobs on the shared file system, as the runner sees them: what a runner that dies leaves for the next one.
// `.dagrun/slurm/jobs/<token>/` (see script.ts for what the job itself writes there) and `.dagrun/slurm/ends/<token>`.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const kinds: readonly string[] = ['exit', 'terminated', 'overtime', 'revoked', 'requeued', 'nowhere'];

export class Desk {
  readonly #root: string;
  readonly ends: string;

  /** `root`: absolute path of the folder; it is made when the first job is. */
  constructor(root: string) {
    this.#root = root;
    this.ends = `${root}/ends`;
  }

  folder(token: string): string {
    return `${this.#root}/jobs/${token}`;
  }

  /** Before the submission, and on the disk: a job that nobody knows of would be executed twice. */
  open(record: JobRecord, files: readonly (readonly [name: string, text: string])[]): void {
    mkdirSync(this.ends, { recursive: true });
    for (const [name, text] of files) writeFileAtomic(`${this.folder(record.token)}/${name}`, text, { durable: false });
    writeFileAtomic(`${this.folder(record.token)}/record.json`, JSON.stringify(record), { durable: true });
  }

  /** Nothing is left of it: a job that would start now finds nothing to claim, and ends. */
  close(token: string): void {
    rmSync(this.folder(token), { recursive: true, force: true });
    rmSync(`${this.ends}/${token}`, { force: true });
  }

  /** Every job that was not closed, whoever submitted it. */
  records(): readonly JobRecord[] {
    return list(`${this.#root}/jobs`).flatMap((token) => {
      const record = parseRecord(token, readTextIfExists(`${this.folder(token)}/record.json`));
      // Without a record there was no submission.
      if (record === undefined) this.close(token);
      return record === undefined ? [] : [record];
    });
  }

  noteId(token: string, id: string): void {
    writeFileSync(`${this.folder(token)}/id`, id);
  }

  /** The id of the job, as the submission or the job itself wrote it down. */
  idOf(token: string): string | undefined {
    const claimed = list(`${this.folder(token)}/claim`).find((name) => /^\d+$/.test(name));
    return claimed ?? (readTextIfExists(`${this.folder(token)}/id`)?.trim() || undefined);
  }

  /** True where the job has not begun, and never will now. */
  withdraw(token: string): boolean {
    try {
      mkdirSync(`${this.folder(token)}/claim`);
      writeFileSync(`${this.folder(token)}/claim/withdrawn`, '');
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return list(`${this.folder(token)}/claim`).includes('withdrawn');
      return codeOf(error) === 'ENOENT';
    }
  }

  hasBegun(token: string): boolean {
    return list(`${this.folder(token)}/claim`).some((name) => name !== 'withdrawn');
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

function parseRecord(token: string, text: string | undefined): JobRecord | undefined {
  try {
    const { pipeline, stage, identity } = JSON.parse(text ?? '') as Record<string, unknown>;
    if (typeof pipeline !== 'string' || typeof stage !== 'string' || typeof identity !== 'string') return undefined;
    return { token, pipeline, stage, identity };
  } catch {
    return undefined;
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
