// Starts commands from a small process. A fork copies the page tables of the process that forks and makes each of its pages fault once more, so
// that a runner of 80 MiB spends two milliseconds on every command; a helper of a few megabytes takes a tenth, and beside the runner. The helper
// does what Node.js does for a child of its own: a process group, the environment as given, the working folder, an empty stdin, one pipe for
// both outputs, the exact end (exit code or signal) and the reason where there was no start. It knows nothing of stages or of the runner's state.
//
// It is written in Perl, which is everywhere where git or Debian is, needs no module that could be missing, and can do all of that, which a
// POSIX shell cannot: there are no process groups without a terminal, and 137 may be an exit code or a signal. Where there is no Perl, or no
// named pipe, commands are started by Node.js (spawn.ts).
//
// Requests on its stdin: length, newline, then fields separated by NUL: id, path of the named pipe, working folder, number of arguments,
// arguments, `NAME=value`… News on its stdout, a line each: `ready`, `started <id> <pid>`, `failed <id> <errno>`, `ended <pid> <wait status>`.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { LineSplitter } from './lines.ts';

/**
 * A child that has changed its program closes the pipe `$ok`, and one that cannot writes why: news of a start are news of the command itself,
 * never of a copy of the helper. A signal may come between the last look at the children and `select`, so that this one does not wait for ever
 * while there are any. Orphaned, neither it nor a child of it that was still on its way (a working folder that hangs) starts anything more: there
 * may be nobody left to end it.
 */
const script = `
use strict;
use Fcntl;
my ($runner, $helper) = (getppid, $$);
my @quiet = qw(INT TERM HUP QUIT PIPE TSTP TTIN TTOU);
$SIG{$_} = 'IGNORE' for @quiet;
$SIG{CHLD} = sub {};
my ($input, $children) = ('', 0);
sub report { my $text = join(' ', @_) . "\\n"; syswrite(STDOUT, $text) == length $text or exit 1 }
sub start {
  my ($id, $pipe, $folder, $count, @environment) = @_;
  my @command = splice @environment, 0, $count;
  exit 0 if getppid != $runner;
  my ($output, $ok, $problem, $pid);
  sysopen($output, $pipe, O_WRONLY | O_NONBLOCK) && fcntl($output, F_SETFL, O_WRONLY) && pipe($ok, $problem) && defined($pid = fork)
    or return report('failed', $id, $! + 0);
  if ($pid == 0) {
    $SIG{$_} = 'DEFAULT' for @quiet, 'CHLD', 'FPE';
    if (setpgrp(0, 0) && chdir $folder and open(STDIN, '<', '/dev/null') && open(STDOUT, '>&', $output) && open(STDERR, '>&', $output)) {
      exit 1 if getppid != $helper;
      %ENV = map { /^([^=]*)=(.*)$/s } @environment;
      exec { $command[0] } @command;
    }
    syswrite $problem, $! + 0;
    exit 127;
  }
  close $output;
  close $problem;
  my ($why, $read);
  do { $read = sysread $ok, $why, 20 } until defined $read;
  if ($read > 0) { waitpid $pid, 0; return report('failed', $id, $why) }
  $children++;
  report('started', $id, $pid);
}
report('ready');
while (1) {
  while ($children > 0 && (my $pid = waitpid(-1, 1)) > 0) { $children--; report('ended', $pid, $?) }
  my $ready = "\\1";
  next if select($ready, undef, undef, $children > 0 ? 0.1 : undef) <= 0;
  my $read = sysread STDIN, $input, 65536, length $input;
  exit 0 if defined $read && $read == 0;
  while ($input =~ /^(\\d+)\\n/ && length($input) >= $+[0] + $1) {
    my ($from, $length) = ($+[0], $1);
    my $request = substr $input, $from, $length;
    substr($input, 0, $from + $length) = '';
    start(split /\\0/, $request, -1);
  }
}
`;

export interface StartRequest {
  /** The named pipe that gets both outputs; somebody must be reading it. */
  readonly pipe: string;
  readonly cwd: string;
  /** The program, found in the PATH of the helper, and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: string | null;
}

export type Start =
  | { readonly kind: 'started'; readonly pid: number; readonly exited: Promise<ExitStatus> }
  /** An error code such as ENOENT, of the program or of the working folder. */
  | { readonly kind: 'failed'; readonly code: string }
  /** There is no helper, and nothing was started. */
  | { readonly kind: 'unavailable' }
  /** The helper was killed while it was asked to start this: it may run or not, and is not to run twice. */
  | { readonly kind: 'lost' };

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

export class Spawner {
  readonly #helper: ChildProcess;
  readonly #starting = new Map<number, (start: Start) => void>();
  readonly #running = new Map<number, (status: ExitStatus) => void>();
  #requests = 0;
  #state: 'new' | 'ready' | 'gone' = 'new';

  constructor(program = 'perl') {
    this.#helper = spawn(program, ['-e', script], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    });
    const { stdin, stdout } = this.#helper;
    const lines = new LineSplitter((line) => this.#hear(line));
    stdout?.on('data', (bytes: Buffer) => lines.write(bytes));
    for (const emitter of [this.#helper, stdin, stdout]) emitter?.on('error', () => this.#leave());
    stdout?.on('close', () => this.#leave());
    this.#helper.unref();
    // They are sockets; the type declarations promise less.
    (stdin as Socket | null)?.unref();
    this.#stayAwake();
  }

  /** Never rejects. */
  start(request: StartRequest): Promise<Start> {
    if (this.#state === 'gone') return Promise.resolve({ kind: 'unavailable' });
    const { pipe, cwd, argv, env } = request;
    const id = this.#requests++;
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const text = [id, pipe, cwd, argv.length, ...argv, ...variables].join('\0');
    return new Promise((resolve) => {
      this.#starting.set(id, resolve);
      this.#stayAwake();
      this.#helper.stdin?.write(`${Buffer.byteLength(text)}\n${text}`);
    });
  }

  /** For a helper that does not answer (a working folder on a file system that hangs): it is given up, and what it was to start is lost. */
  giveUp(): void {
    this.#helper.kill('SIGKILL');
    this.#leave();
  }

  /** The helper leaves; nothing is waited for. */
  close(): void {
    this.#helper.stdin?.end();
  }

  #hear(line: string): void {
    const [word, subject, value] = line.split(' ');
    const key = Number(subject);
    if (word === 'ready') this.#state = 'ready';
    else if (word === 'started') this.#settle(key, this.#follow(Number(value)));
    else if (word === 'failed') this.#settle(key, { kind: 'failed', code: getSystemErrorName(-Number(value)) });
    else if (word === 'ended') this.#end(key, statusOf(Number(value)));
  }

  #follow(pid: number): Start {
    return { kind: 'started', pid, exited: new Promise((resolve) => this.#running.set(pid, resolve)) };
  }

  #settle(id: number, start: Start): void {
    this.#starting.get(id)?.(start);
    this.#starting.delete(id);
    this.#stayAwake();
  }

  /** News keep the runner alive for as long as there is something to hear. */
  #stayAwake(): void {
    const stdout = this.#helper.stdout as Socket | null;
    if (this.#starting.size + this.#running.size > 0) stdout?.ref();
    else stdout?.unref();
  }

  #end(pid: number, status: ExitStatus): void {
    this.#running.get(pid)?.(status);
    this.#running.delete(pid);
    this.#stayAwake();
  }

  /**
   * The helper could not be started, or was killed. How the commands end in the latter case, nobody learns any more: they count as killed
   * with it.
   */
  #leave(): void {
    if (this.#state === 'gone') return;
    const untouched = this.#state === 'new';
    this.#state = 'gone';
    for (const id of [...this.#starting.keys()]) this.#settle(id, { kind: untouched ? 'unavailable' : 'lost' });
    for (const pid of [...this.#running.keys()]) this.#end(pid, { code: null, signal: 'SIGKILL' });
  }
}

/** As wait(2) gives it. */
function statusOf(status: number): ExitStatus {
  const signal = status & 0x7f;
  return signal === 0
    ? { code: status >> 8, signal: null }
    : { code: null, signal: signalNames.get(signal) ?? `SIG${signal}` };
}
