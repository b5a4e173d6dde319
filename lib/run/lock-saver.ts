// Writes the lock while a run goes on, but not once a stage: rewriting a lock of thousands of stages thousands of times
// would cost more than the stages. What a crash loses of the lock is in the run cache, and is found there without running anything.

import { monotonic } from '../core/clock.ts';
import type { CommandFailure } from '../core/failure.ts';
import { ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { LockEntry } from '../plan/record.ts';
import type { Project } from './project.ts';

/** The lock is at most this much behind, or ten times what writing it takes. Milliseconds. */
const shortestPause = 250;

export class LockSaver {
  readonly #lock: Project['lock'];
  #timer: NodeJS.Timeout | undefined;
  #pause = shortestPause;
  #failure: CommandFailure | undefined;
  #whenSaved: (() => void)[] = [];

  constructor(lock: Project['lock']) {
    this.#lock = lock;
  }

  /** `whenSaved` is called once the entry is on the disk, if it ever is. */
  set(name: StageName, entry: LockEntry, whenSaved: () => void): void {
    this.#lock.set(name, entry);
    this.#whenSaved.push(whenSaved);
    this.#timer ??= setTimeout(() => this.#save(), this.#pause);
  }

  /** The last write; a failure of an earlier one is reported only if this one fails too. */
  finish(): Result<void, CommandFailure> {
    this.#save();
    return this.#failure === undefined ? ok(undefined) : { ok: false, error: this.#failure };
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const startedAt = monotonic();
    const saved = this.#lock.save();
    this.#failure = saved.ok ? undefined : saved.error;
    if (saved.ok) for (const tell of this.#whenSaved.splice(0)) tell();
    this.#pause = Math.max(shortestPause, 10 * (monotonic() - startedAt));
  }
}
