// Ctrl-Z: who has something to put in order before this process is stopped, and when it is continued. Knows nothing of what that is.

/** `resume` is also called where the process was stopped without a word (SIGSTOP). */
export interface Suspendable {
  readonly suspend: () => void;
  readonly resume: () => void;
}

const participants = new Set<Suspendable>();

function stop(): void {
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
