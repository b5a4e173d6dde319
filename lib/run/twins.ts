// Stages with one fingerprint in one run (relocatable ones, that differ only in name and paths): one of them executes, the others
// wait and then take its result. Knows only indices and fingerprints.

import type { Fingerprint } from '../plan/parts.ts';

export class Twins {
  /** For each stage that executes, or is about to: those that wait for it. */
  readonly #waiting = new Map<number, number[]>();
  readonly #first = new Map<Fingerprint, number>();
  readonly #fingerprint = new Map<number, Fingerprint>();

  /** True where another stage executes this fingerprint already: this one waits until release() gives it back. */
  awaits(stage: number, fingerprint: Fingerprint): boolean {
    const first = this.#first.get(fingerprint);
    if (first === undefined) {
      this.#first.set(fingerprint, stage);
      this.#fingerprint.set(stage, fingerprint);
      return false;
    }
    if (first === stage) return false;
    const others = this.#waiting.get(first);
    if (others === undefined) this.#waiting.set(first, [stage]);
    else others.push(stage);
    return true;
  }

  /** The stage has ended, well or not: the stages that waited for it, to be decided again. */
  release(stage: number): readonly number[] {
    const others = this.#waiting.get(stage) ?? [];
    const fingerprint = this.#fingerprint.get(stage);
    if (fingerprint !== undefined) this.#first.delete(fingerprint);
    this.#fingerprint.delete(stage);
    this.#waiting.delete(stage);
    return others;
  }
}
