// No command outlives its runner, not even one that is killed with SIGKILL: a tiny shell process waits for the end of a pipe that
// only the runner holds. An end without a word of farewell means that the runner is dead; then the helper ends every process that
// carries the runner's marker in its environment (Linux) and every process group that it was told of.
//
// The helper is in a session of its own, ignores the signals that a terminal or a CI system sends around, has a clean environment
// (so that neither it nor an outer runner's helper takes it for a command), and holds none of the runner's outputs.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { hasProc } from './processes.ts';

/** The environment variable that marks every command; its value is `<runner>:<number of the command>`. */
export const markerName = 'DAGRUN_RUNNER';

/**
 * Milliseconds that news of process groups may wait: most commands are over by then, and the helper need not hear of them.
 * Where it has no other way to find them it is told at once.
 */
const newsDelay = hasProc ? 10 : 0;

// $1: what every marker of the runner starts with. $2: its scratch folder, to be removed.
// A process is asked to end once, and killed from the twentieth round on: two seconds. Two rounds in a row that find nothing end it,
// since a process may have started another one while /proc was being read.
const script = `
trap '' INT TERM HUP QUIT PIPE TSTP TTIN TTOU
groups=
while read -r line; do
  case $line in
    bye) exit 0 ;;
    +*) groups="$groups \${line#+}" ;;
    -*) kept=
        for group in $groups; do [ "$group" = "\${line#-}" ] || kept="$kept $group"; done
        groups=$kept ;;
  esac
done
asked=' '
round=0
clean=0
end() {
  case $asked in
    *" $1 "*) signal=0 ;;
    *) signal=TERM; asked="$asked$1 " ;;
  esac
  [ $round -lt 20 ] || signal=KILL
  kill -s $signal -- "$1" 2>/dev/null || return 0
  [ $signal != TERM ] || kill -s CONT -- "$1" 2>/dev/null
  clean=0
}
while [ $clean -lt 2 ] && [ $round -lt 100 ]; do
  clean=$((clean + 1))
  for group in $groups; do end "-$group"; done
  for file in $(grep -lF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}
    end "\${pid%/environ}"
  done
  round=$((round + 1))
  [ $clean -ge 2 ] || sleep 0.1 2>/dev/null || sleep 1
done
[ -z "$2" ] || { rm -f "$2"/*.pipe "$2"/*.sh; rmdir "$2"; } 2>/dev/null
exit 0
`;

export interface WatchdogOptions {
  /** The id of the runner. */
  readonly runner: string;
  /** Folder to remove where the runner dies; empty: none. */
  readonly scratch: string;
}

export class Watchdog {
  readonly #helper: ChildProcess;
  readonly #pipe: Writable | null;
  readonly #news = new Map<number, '+' | '-'>();
  #timer: NodeJS.Timeout | undefined;

  /** Takes a millisecond or two. Where the helper cannot be started, commands run without it. */
  constructor(options: WatchdogOptions) {
    const shellArguments = ['-c', script, 'dagrun-watchdog', `${markerName}=${options.runner}:`, options.scratch];
    this.#helper = spawn('/bin/sh', shellArguments, {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    });
    this.#pipe = this.#helper.stdin;
    // A helper that is gone is no reason to fail.
    this.#helper.on('error', () => undefined);
    this.#pipe?.on('error', () => undefined);
    this.#helper.unref();
    // It is a socket; the type declarations promise less.
    (this.#pipe as Socket | null)?.unref();
  }

  /** Process id of the helper; undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#helper.pid;
  }

  started(group: number): void {
    this.#tell(group, '+');
  }

  ended(group: number): void {
    // Nobody needs to hear of a group that came and went between two messages.
    if (this.#news.get(group) === '+') this.#news.delete(group);
    else this.#tell(group, '-');
  }

  /** The helper leaves; nothing is waited for. */
  close(): void {
    clearTimeout(this.#timer);
    this.#pipe?.end('bye\n');
  }

  #tell(group: number, sign: '+' | '-'): void {
    this.#news.set(group, sign);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const text = [...this.#news].map(([id, change]) => `${change}${id}\n`).join('');
      this.#news.clear();
      if (text !== '') this.#pipe?.write(text);
    }, newsDelay).unref();
  }
}
