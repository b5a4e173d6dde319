// Collects what is wrong with one file: turns offsets into lines and columns, drops repetitions, sorts by place.
// Knows nothing of what the faults are about.

import type { Fault } from '../core/failure.ts';
import { compareText } from '../core/path.ts';
import type { Place } from './pipeline.ts';
import type { Problem, Span } from './yaml.ts';

export interface FaultOptions {
  /** A function where the hint is costly: it is called only for faults that are kept. */
  readonly hint?: string | (() => string | undefined) | undefined;
  /** The expanded stage in which it was noticed; the same fault in a sibling at the same place is a repetition. */
  readonly stage?: string | undefined;
  /** Follows from what may have been reported at this place already: then it is dropped. */
  readonly derived?: boolean | undefined;
}

const maxPerPlace = 5;
const maxFaults = 500;

/** A text's line starts; for offset to line and column. */
export function lineTable(text: string): (offset: number) => Place {
  const starts = [0];
  for (let next = text.indexOf('\n'); next >= 0; next = text.indexOf('\n', next + 1)) starts.push(next + 1);
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return [low + 1, Math.max(1, offset - starts[low]! + 1 - (low === 0 ? mark : 0))];
  };
}

export class FaultList {
  readonly #file: string;
  readonly #place: (offset: number) => Place;
  readonly #own = new Map<number, Map<string, Fault>>();
  readonly #foreign = new Map<string, Fault>();
  #count = 0;
  #dropped = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#place = lineTable(text);
  }

  get any(): boolean {
    return this.#count > 0;
  }

  placeOf(span: Span): Place {
    return this.#place(span.start);
  }

  add(at: Span, message: string, options: FaultOptions = {}): void {
    const here = this.#own.get(at.start) ?? new Map<string, Fault>();
    if (here.has(message) || here.size >= maxPerPlace || (options.derived === true && here.size > 0)) return;
    if (this.#count >= maxFaults) {
      this.#dropped++;
      return;
    }
    this.#count++;
    this.#own.set(at.start, here.set(message, this.#fault(at, message, options)));
  }

  #fault(at: Span, message: string, options: FaultOptions): Fault {
    const [line, column] = this.#place(at.start);
    const hint = typeof options.hint === 'function' ? options.hint() : options.hint;
    const text = options.stage === undefined ? message : `stage "${options.stage}": ${message}`;
    return { at: { file: this.#file, line, column }, message: text, ...(hint === undefined ? {} : { hint }) };
  }

  addProblem(problem: Problem): void {
    this.add(problem.at, problem.message, { hint: problem.hint });
  }

  /** A fault in another file. */
  addForeign(fault: Fault): void {
    this.#foreign.set(JSON.stringify([fault.at, fault.message]), fault);
    this.#count++;
  }

  /** By place; those in other files come last. */
  list(): readonly Fault[] {
    const own = [...this.#own.entries()].sort(([a], [b]) => a - b).flatMap(([, here]) => [...here.values()]);
    const foreign = [...this.#foreign.values()].sort((a, b) => compareText(a.at?.file ?? '', b.at?.file ?? ''));
    const more =
      this.#dropped === 0
        ? []
        : [
            {
              message: `${this.#dropped} more faults in ${this.#file}`,
              hint: 'they show once some of these are mended',
            },
          ];
    return [...own, ...foreign, ...more];
  }
}
