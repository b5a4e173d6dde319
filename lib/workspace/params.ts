// Parsed parameter files, kept by the digest of their text, so that a run in which nothing changed parses no YAML.
// Kept values are typed JSON: an integer is ["i","12"], a number that JSON lacks ["f","NaN"], a list ["l",…].

import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import { renderFault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import { readSource } from '../core/source.ts';
import { isList } from '../core/value.ts';
import type { Value } from '../core/value.ts';

export interface ParamsProblem {
  readonly kind: 'missing' | 'malformed';
  readonly message: string;
}

const version = 1;
/** Parsed files that are kept; the oldest go first. */
const kept = 64;

export class ParamFiles {
  readonly #folder: string;
  /** The texts that were read: names that files have in messages, with digests; two for a file that changed meanwhile. */
  readonly texts = new Map<string, readonly [string, Digest]>();

  /** `folder`: absolute, the runner's own. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The parsed file; `file` is its name in messages, `path` is absolute. Synchronous where its text was parsed before. */
  read(file: string, path: string): MaybePromise<Result<Value, ParamsProblem>> {
    const source = readSource(path, file);
    if (!source.ok) return err({ kind: 'malformed', message: renderFault(source.error) });
    const text = source.value;
    if (text === undefined) return err({ kind: 'missing', message: `${file} does not exist` });
    const digest = digestText(text);
    this.texts.set(digest + file, [file, digest]);
    const name = `${digest}${/^\.[a-z]+$/i.exec(extname(file))?.[0].toLowerCase() ?? ''}.${version}`;
    const known = this.#load(name);
    return known === undefined ? this.#parse(file, text, name) : ok(known);
  }

  async #parse(file: string, text: string, name: string): Promise<Result<Value, ParamsProblem>> {
    const { parseValues } = await import('../pipeline/values.ts');
    const parsed = parseValues(file, text);
    if (!parsed.ok) return err({ kind: 'malformed', message: renderFault(parsed.error) });
    this.#store(name, parsed.value);
    return parsed;
  }

  #load(name: string): Value | undefined {
    try {
      const text = readTextIfExists(`${this.#folder}/${name}`);
      const end = text?.indexOf('\n') ?? -1;
      if (text === undefined || end < 0) return undefined;
      const body = text.slice(end + 1);
      return text.slice(0, end) === (digestText(body) as string) ? decodeTyped(JSON.parse(body)) : undefined;
    } catch {
      return undefined;
    }
  }

  /** A failure only means that the file is parsed again. */
  #store(name: string, value: Value): void {
    const body = JSON.stringify(encodeTyped(value));
    const digest: Digest = digestText(body);
    try {
      mkdirSync(this.#folder, { recursive: true });
      this.#dropOldest();
      writeFileAtomic(`${this.#folder}/${name}`, `${digest}\n${body}`, { durable: false });
    } catch {
      // Read-only or full.
    }
  }

  #dropOldest(): void {
    const names = readdirSync(this.#folder);
    if (names.length < kept) return;
    const aged = names.map((name) => ({
      path: `${this.#folder}/${name}`,
      at: statSync(`${this.#folder}/${name}`).mtimeMs,
    }));
    aged.sort((a, b) => a.at - b.at);
    for (const { path } of aged.slice(0, names.length - kept + 1)) rmSync(path, { force: true });
  }
}

/** JSON that keeps the types of values apart. */
export function encodeTyped(value: Value): unknown {
  if (typeof value === 'bigint') return ['i', value.toString()];
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ['f', Object.is(value, -0) ? '-0' : String(value)];
  if (isList(value)) return ['l', ...value.map(encodeTyped)];
  if (typeof value !== 'object' || value === null) return value;
  return emptyObject(Object.entries(value).map(([key, inner]) => [key, encodeTyped(inner)]));
}

/** Throws for anything that encodeTyped does not write. */
export function decodeTyped(json: unknown): Value {
  if (json === null || typeof json === 'boolean' || typeof json === 'number' || typeof json === 'string') return json;
  if (!Array.isArray(json))
    return emptyObject(Object.entries(json as object).map(([key, inner]) => [key, decodeTyped(inner)]));
  const [kind, ...rest] = json as unknown[];
  if (kind === 'l') return rest.map(decodeTyped);
  const text = rest[0];
  if (typeof text !== 'string') throw new TypeError('not a typed value');
  return kind === 'i' ? BigInt(text) : Number(text);
}

/** Without a prototype, so that any key is safe. */
function emptyObject<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}
