// How far a transfer is. Counts only; what is shown, and where, is the caller's.

export interface TransferState {
  /** What is under way: `pushing`, `pulling`. */
  readonly doing: 'pushing' | 'pulling';
  readonly runs: number;
  readonly runsDone: number;
  readonly objectsDone: number;
  /** Bytes that are known to have to be moved so far, and those that were. */
  readonly bytes: number;
  readonly bytesDone: number;
}

export type OnProgress = (state: TransferState) => void;

/** What a push or a pull did. */
export interface TransferReport {
  /** Run entries moved. */
  readonly runs: number;
  readonly objects: number;
  /** Bytes of blobs moved. */
  readonly bytes: number;
  /** Runs that were there already. */
  readonly known: number;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

export class Progress {
  readonly #doing: TransferState['doing'];
  readonly #onProgress: OnProgress;
  runs = 0;
  runsDone = 0;
  known = 0;
  objectsDone = 0;
  bytes = 0;
  bytesDone = 0;
  readonly skipped: string[] = [];

  constructor(doing: TransferState['doing'], onProgress: OnProgress) {
    this.#doing = doing;
    this.#onProgress = onProgress;
  }

  /** Tells the caller. */
  show(): void {
    const { runs, runsDone, objectsDone, bytes, bytesDone } = this;
    this.#onProgress({ doing: this.#doing, runs, runsDone, objectsDone, bytes, bytesDone });
  }

  moved(bytes: number): void {
    this.bytesDone += bytes;
    this.show();
  }

  report(): TransferReport {
    const { runsDone, objectsDone, bytesDone, known, skipped } = this;
    return { runs: runsDone, objects: objectsDone, bytes: bytesDone, known, skipped };
  }
}
