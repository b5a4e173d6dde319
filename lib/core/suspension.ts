// Ctrl-Z: who has something to put in order before this process is stopped, and when it is continued. Knows nothing of what that is.

import { readFileSync } from 'node:fs';

/** `resume` is also called where the process was stopped without a word (SIGSTOP). */
export interface Suspendable {
  readonly suspend: () => void;
  readonly resume: () => void;
}

const participants = new Set<Suspendable>();

/**
 * True for the first job of a terminal, where no shell is that could continue it: `docker run -it …`, `ssh -t host dagrun …`, `xterm -e …`.
 * There Ctrl-Z is to stop nobody; the kernel sees to that where a program does not listen itself. False where there is no /proc.
 */
export function isFirstJob(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // `pid (name) state ppid pgrp session tty …`, and the name may contain anything.
    const [, , group, session, terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 5);
    return group === session && terminal !== '0';
  } catch {
    return false;
  }
}

function stop(): void {
  if (isFirstJob()) return;
  for (const one of participants) one.suspend();
  // The signal itself cannot be had back once it is listened to; this one stops whoever gets it.
  process.kill(process.pid, 'SIGSTOP');
}

function go(): void {
  for (const one of participants) one.resume();
}

/** Takes part until the returned function is called. While nobody does, the process is stopped as any other is. */
export function takePart(one: Suspendable): () => void {
  if (participants.size === 0) {
    process.on('SIGTSTP', stop);
    process.on('SIGCONT', go);
  }
  participants.add(one);
  return () => {
    if (!participants.delete(one) || participants.size > 0) return;
    process.off('SIGTSTP', stop);
    process.off('SIGCONT', go);
  };
}
