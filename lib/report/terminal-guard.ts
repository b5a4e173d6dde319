// Leaves the terminal usable when the process exits without closing its reporter, or is stopped (Ctrl-Z) and continued.

export interface GuardedScreen {
  /** Shows the cursor and ends the live area. */
  readonly leave: () => void;
  /** Starts a new live area below whatever the shell has written. */
  readonly enter: () => void;
}

/** Watches the process until the returned function is called. */
export function guardTerminal(screen: GuardedScreen): () => void {
  const stop = (): void => {
    screen.leave();
    process.kill(process.pid, 'SIGSTOP');
  };
  process.on('exit', screen.leave);
  process.on('SIGTSTP', stop);
  process.on('SIGCONT', screen.enter);
  return () => {
    process.off('exit', screen.leave);
    process.off('SIGTSTP', stop);
    process.off('SIGCONT', screen.enter);
  };
}
