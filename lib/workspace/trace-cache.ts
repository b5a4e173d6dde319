// What tracing remembers from one process to the next: of each source its imports, where they lead, and the facts on which that rests.
// Machine-local and always expendable: a file that is missing, damaged, of another version or of another Node.js is simply not used.
//
// trace.json: one line `dagrun-trace <version> <node version> <digest of the rest>`, then JSON. Facts are shared by many sources, so sources name
// them by their position. Knows nothing of how facts are checked.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestText, isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { writeFileAtomic } from '../core/disk.ts';

/** Raise it whenever the rules of reading or resolving imports change. */
const version = 1;

/** One traced source. */
export interface SourceNode {
  readonly digest: Digest;
  /** JSON of its import sites; read only when they have to be resolved again. */
  readonly imports: string;
  /** Positions of the facts on which `files`, `packages` and `problems` rest. */
  readonly facts: readonly number[];
  /** Ids of the files it imports. */
  readonly files: readonly string[];
  /** Names and versions, alternating. */
  readonly packages: readonly string[];
  /** What is wrong with it, ready to be shown. */
  readonly problems: readonly string[];
}

/** Sources that no trace of this process reached are kept (other stages need them), up to this many times what was reached. */
const slack = { factor: 4, count: 1000 };

export class TraceCache {
  readonly #path: string;
  readonly #nodes: Map<string, SourceNode>;
  readonly #reached = new Set<string>();
  /** Question and answer, alternating. */
  readonly #facts: string[];
  #positions: Map<string, number> | undefined;
  #changed = false;

  /** Reads what is there. */
  constructor(stateDir: string) {
    this.#path = join(stateDir, 'trace.json');
    const stored = readState(this.#path);
    this.#nodes = new Map(Object.entries(stored?.nodes ?? {}));
    this.#facts = stored?.facts ?? [];
  }

  get(id: string): SourceNode | undefined {
    this.#reached.add(id);
    return this.#nodes.get(id);
  }

  set(id: string, node: SourceNode): void {
    this.#reached.add(id);
    this.#nodes.set(id, node);
    this.#changed = true;
  }

  question(position: number): string {
    return this.#facts[2 * position]!;
  }

  answer(position: number): string {
    return this.#facts[2 * position + 1]!;
  }

  /** The position of a fact; the same fact always has the same. */
  intern(question: string, answer: string): number {
    this.#positions ??= this.#indexFacts();
    const key = `${question}\0${answer}`;
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = this.#facts.length / 2;
      this.#facts.push(question, answer);
      this.#positions.set(key, position);
    }
    return position;
  }

  #indexFacts(): Map<string, number> {
    const positions = new Map<string, number>();
    for (let position = 0; 2 * position < this.#facts.length; position++) {
      positions.set(`${this.question(position)}\0${this.answer(position)}`, position);
    }
    return positions;
  }

  /** Writes what changed, if anything did. A failure is of no consequence: the next process traces again. */
  save(): void {
    if (!this.#changed) return;
    try {
      writeFileAtomic(this.#path, this.#encode(), { durable: false });
      this.#changed = false;
    } catch {
      // A read-only or full disk: nothing is lost but time.
    }
  }

  #encode(): string {
    const keepAll = this.#nodes.size <= slack.factor * this.#reached.size + slack.count;
    const facts: string[] = [];
    const moved = new Map<number, number>();
    const move = (position: number): number => {
      const known = moved.get(position);
      if (known !== undefined) return known;
      moved.set(position, facts.length / 2);
      facts.push(this.question(position), this.answer(position));
      return facts.length / 2 - 1;
    };
    const nodes = [...this.#nodes].filter(([id]) => keepAll || this.#reached.has(id));
    const moveFacts = (node: SourceNode): SourceNode => ({ ...node, facts: node.facts.map(move) });
    const body = JSON.stringify({ nodes: nodes.map(([id, node]) => [id, moveFacts(node)]), facts });
    return `${header(body)}\n${body}`;
  }
}

interface State {
  readonly nodes: Record<string, SourceNode>;
  readonly facts: string[];
}

function header(body: string): string {
  return `dagrun-trace ${version} ${process.version} ${digestText(body)}`;
}

function readState(path: string): State | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    return end >= 0 && text.slice(0, end) === header(body) ? decodeState(JSON.parse(body)) : undefined;
  } catch {
    return undefined;
  }
}

function decodeState(value: unknown): State | undefined {
  if (!isObject(value) || !isTexts(value['facts']) || value['facts'].length % 2 !== 0 || !Array.isArray(value['nodes']))
    return undefined;
  const facts = value['facts'];
  const nodes = Object.create(null) as Record<string, SourceNode>;
  for (const entry of value['nodes'] as unknown[]) {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !isNode(entry[1], facts.length / 2)) return undefined;
    nodes[entry[0]] = entry[1];
  }
  return { nodes, facts };
}

function isNode(value: unknown, factCount: number): value is SourceNode {
  return (
    isObject(value) &&
    isDigest(value['digest']) &&
    typeof value['imports'] === 'string' &&
    Array.isArray(value['facts']) &&
    value['facts'].every(
      (position) => Number.isInteger(position) && Number(position) >= 0 && Number(position) < factCount,
    ) &&
    isTexts(value['files']) &&
    isTexts(value['packages']) &&
    value['packages'].length % 2 === 0 &&
    isTexts(value['problems'])
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
