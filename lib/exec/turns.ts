// Time limits that are fair to a runner that was busy itself: it hears of what has happened meanwhile only after its timers.

/** News of a process comes in one turn of the event loop, its last output in the same or the next, the end of its pipe in the one after. */
const turns = 3;

/** Calls back once everything that has happened by now has been told. Returns a function that calls this off. */
export function afterNews(action: () => void): () => void {
  let left = turns;
  const next = (): void => {
    if (--left === 0) action();
    else immediate = setImmediate(next);
  };
  let immediate = setImmediate(next);
  return () => clearImmediate(immediate);
}
