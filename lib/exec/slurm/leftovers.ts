// Jobs of a runner that died: which of them may be gone on with, and how the others are ended.

import type { StageName } from '../../pipeline/pipeline.ts';
import { cancel, queue } from './client.ts';
import type { QueueRow } from './client.ts';
import type { Desk, JobRecord } from './desk.ts';
import { isLive } from './judge.ts';

export interface LeftoverOptions {
  readonly desk: Desk;
  readonly pipeline: string;
  readonly knows: (stage: string) => boolean;
  /** Milliseconds between two beats. */
  readonly beat: number;
  /** True where what a job left may be somewhere else than in its folder. */
  readonly leavesElsewhere: boolean;
}

/** Milliseconds between two questions whether a job has ended. */
const pause = 500;

export class Leftovers {
  readonly #options: LeftoverOptions;
  #byStage: Promise<Map<string, JobRecord[]>> | undefined;
  readonly #adoptable = new Map<string, JobRecord>();

  constructor(options: LeftoverOptions) {
    this.#options = options;
  }

  /** The job that recover() said may be gone on with. */
  take(stage: string, identity: string | undefined): JobRecord | undefined {
    const record = this.#adoptable.get(stage);
    this.#adoptable.delete(stage);
    return record?.identity === identity ? record : undefined;
  }

  /** See Executor.recover. */
  async recover(stage: StageName, identity: string | null): Promise<boolean> {
    const left = await (this.#byStage ??= this.#load());
    const records = left.get(stage);
    if (records === undefined) return false;
    left.delete(stage);
    for (const record of records) {
      const wanted = record.identity === identity && !this.#adoptable.has(stage) && (await this.#isAdoptable(record));
      if (wanted) this.#adoptable.set(stage, record);
      else await this.#dismiss(record);
    }
    return this.#adoptable.has(stage);
  }

  async #load(): Promise<Map<string, JobRecord[]>> {
    const { desk, pipeline, knows } = this.#options;
    const byStage = new Map<string, JobRecord[]>();
    for (const record of desk.records().filter((one) => one.pipeline === pipeline)) {
      if (knows(record.stage)) byStage.set(record.stage, [...(byStage.get(record.stage) ?? []), record]);
      else await this.#dismiss(record);
    }
    return byStage;
  }

  /** A job that failed while nobody looked is no result: whoever runs the stage now wants it tried again. */
  async #isAdoptable({ token }: JobRecord): Promise<boolean> {
    const { desk, leavesElsewhere } = this.#options;
    if (desk.ended({ fresh: true }).has(token)) {
      const end = desk.end(token);
      return end?.kind === 'exit' && end.code === 0;
    }
    if (desk.isRevoked(token)) return false;
    const asked = await queue();
    // Who knows? The job may well run, and is watched until the controller can tell.
    if (asked.kind !== 'done') return true;
    const row = new QueueIndex(asked.value).find(token, desk.idOf(token));
    if (leavesElsewhere) return row === undefined || isLive(row.state) || row.state === 'COMPLETED';
    if (row !== undefined) return isLive(row.state) || desk.ended({ fresh: true }).has(token);
    // It may have ended well between the two questions.
    return desk.ended({ fresh: true }).has(token) && desk.end(token)?.code === 0;
  }

  /** Returns when nothing of the job can write any more. */
  async #dismiss({ token }: JobRecord): Promise<void> {
    const { desk, beat } = this.#options;
    const neverBegins = desk.withdraw(token);
    desk.revoke(token);
    let heart = desk.heart(token);
    let heartAt = performance.now();
    for (let asked = false; ;) {
      if (desk.ended({ fresh: true }).has(token)) break;
      const rows = await queue();
      const row = rows.kind === 'done' ? new QueueIndex(rows.value).find(token, desk.idOf(token)) : undefined;
      if (row !== undefined && isLive(row.state) && !asked) asked = (await cancel([row.id])).kind === 'done';
      if (rows.kind === 'done' && (row === undefined || !isLive(row.state))) break;
      if (neverBegins) break;
      const now = performance.now();
      const beats = desk.heart(token);
      if (beats !== heart) [heart, heartAt] = [beats, now];
      // A node without a heart that the controller still believes in.
      if (now - heartAt > 6 * beat) break;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    desk.close(token);
  }
}

/**
 * Rows of many jobs at once: by the token in their comment, and by their id only where a site replaces comments. A controller that has lost
 * what it knew gives the same ids again, to other jobs.
 */
export class QueueIndex {
  readonly #byToken = new Map<string, QueueRow>();
  readonly #byId = new Map<string, QueueRow>();

  constructor(rows: readonly QueueRow[]) {
    for (const row of rows) {
      if (row.token === undefined) this.#byId.set(row.id, row);
      else this.#byToken.set(row.token, row);
    }
  }

  find(token: string, id: string | undefined): QueueRow | undefined {
    return this.#byToken.get(token) ?? (id === undefined ? undefined : this.#byId.get(id));
  }
}
