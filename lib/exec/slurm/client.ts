// Slurm's own programs: sbatch, squeue, scancel. Says what they answered; decides nothing.

import { spawn } from 'node:child_process';
import { codeOf, messageOf } from '../../core/result.ts';

export interface QueueRow {
  /** `<id>`, or `<id>_<task>` for a task of an array. */
  readonly id: string;
  /** PENDING, RUNNING, COMPLETED, … */
  readonly state: string;
  readonly reason: string;
  /** Seconds; null: no limit, or none that is known. */
  readonly limit: number | null;
  readonly node: string;
  /** What a job of dagrun is known by; undefined for any other, and where a site replaces comments. */
  readonly token: string | undefined;
  /** What the job itself has to say: the rest of its comment. */
  readonly remark: string;
}

export type Answer<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** The controller cannot be reached, or did not answer: the request may or may not have arrived. */
  | { readonly kind: 'unreachable'; readonly message: string }
  /** It was refused, or the program cannot be started. */
  | { readonly kind: 'refused'; readonly message: string };

interface Called {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds for one call; the programs themselves give up earlier. */
const longestCall = 120_000;
const unreachable =
  /unable to contact slurm controller|connect failure|timed out|timeout|zero bytes were transmitted|connection refused|communication|slurm_load_jobs error: (unexpected message|.*(again|unavailable))|temporarily unable/i;

/** Submits a script. The value is the id of the job, or of the array. */
export async function submit(
  options: readonly string[],
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Answer<string>> {
  const called = await call('sbatch', options, { input: script, env });
  // `<id>`, or `<id>;<cluster>`.
  return answer(called, (stdout) => /^(\d+)/m.exec(stdout)?.[1]);
}

/** All jobs of this user that the controller knows, those that ended a while ago included. */
export async function queue(): Promise<Answer<readonly QueueRow[]>> {
  const user = typeof process.getuid === 'function' ? String(process.getuid()) : '';
  const options = ['--noheader', '--array', '--states=all', `--user=${user}`, '--format=%i|%T|%r|%l|%N|%k'];
  return answer(await call('squeue', options), parseQueue);
}

/** Asks for the end of these jobs; ones that have ended already are no failure. */
export async function cancel(ids: readonly string[]): Promise<Answer<null>> {
  const named = namesOf(ids);
  for (let start = 0; start < named.length; start += 500) {
    const said = answer(await call('scancel', ['--quiet', ...named.slice(start, start + 500)]), () => null);
    if (said.kind === 'unreachable') return said;
  }
  return { kind: 'done', value: null };
}

/** Tasks of one array in one word, as `12_[0,3]`: each word is a request to the controller. */
export function namesOf(ids: readonly string[]): readonly string[] {
  const tasks = new Map<string, string[]>();
  for (const id of ids) {
    const [job = id, task] = id.split('_');
    tasks.set(job, [...(tasks.get(job) ?? []), ...(task === undefined ? [] : [task])]);
  }
  return [...tasks].map(([job, own]) => (own.length === 0 ? job : `${job}_[${own.join(',')}]`));
}

export function parseQueue(text: string): readonly QueueRow[] {
  return text.split('\n').flatMap((line) => {
    const [id, state, reason, limit, node, ...comment] = line.split('|');
    const task = /^\d+(?:_(\d+))?$/.exec(id ?? '');
    if (id === undefined || task === null || state === undefined) return [];
    const said = parseComment(comment.join('|'), task[1]);
    return [{ id, state, reason: reason ?? '', limit: parseLimit(limit ?? ''), node: node ?? '', ...said }];
  });
}

/** The comment of a job that dagrun submitted; see parseComment(). */
export function commentOf(token: string): string {
  return `dagrun ${token}`;
}

/** An array has one comment, which names its batch: a task adds its position. */
function parseComment(comment: string, task: string | undefined): Pick<QueueRow, 'token' | 'remark'> {
  const [, token, remark = ''] = /^dagrun (\S+) ?(.*)/.exec(comment) ?? [];
  return { token: token === undefined || task === undefined ? token : `${token}.${task}`, remark };
}

/** `[days-]hours:minutes:seconds`, `minutes:seconds`; anything else is no limit. */
export function parseLimit(text: string): number | null {
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text);
  if (match === null) return null;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}

function answer<T>(called: Called, read: (stdout: string) => T | undefined): Answer<T> {
  const value = called.code === 0 ? read(called.stdout) : undefined;
  if (value !== undefined) return { kind: 'done', value };
  const message = (called.stderr.trim() || called.stdout.trim() || `ended with ${called.code ?? 'a signal'}`).replace(
    /^(sbatch|squeue|scancel): error: /gm,
    '',
  );
  return { kind: unreachable.test(message) ? 'unreachable' : 'refused', message };
}

interface CallOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function describeStart(program: string, error: Error): string {
  if (codeOf(error) !== 'ENOENT') return `${program} cannot be started: ${messageOf(error)}`;
  return `there is no such program on the PATH: dagrun has to run where ${program} does, or with --executor local`;
}

/** In a process group of its own: Ctrl-C in the terminal must not end a submission half way. Never rejects. */
function call(program: string, args: readonly string[], options: CallOptions = {}): Promise<Called> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
      cwd: '/',
      timeout: longestCall,
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const text = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => (text.stdout += piece));
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => (text.stderr += piece));
    child.on('error', (error) => resolve({ code: null, stdout: '', stderr: describeStart(program, error) }));
    child.on('close', (code, signal) => {
      resolve({ code, ...text, ...(signal === null ? {} : { stderr: `${text.stderr}\n${program} timed out` }) });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
}
