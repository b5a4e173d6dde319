// The questions that resolving an import asks of the disk, and their answers ("facts").
// Everything that resolution learns goes through a Probe, which writes down question and answer. A resolution is therefore a function of
// its facts: it holds for exactly as long as every question has the same answer, and that is all the cache has to check.
// Knows paths and files, not what an import is.
//
// A question is `?path` (what is there: `` nothing, `f` a file, `d` a folder; `f>real` where links lead elsewhere) or `=path`
// (the digest of the file's content). Paths are relative to the root, so that they survive a move of the workspace.

import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { Observation } from '../core/observation.ts';
import type { MaybePromise } from '../core/result.ts';

export interface Look {
  readonly kind: 'file' | 'folder' | 'none';
  /** Absolute path with all links followed; the path itself where there is nothing. */
  readonly real: string;
}

/** What asks the disk: either directly, or writing down what it asked. */
export interface Disk {
  readonly root: string;
  /** A path as facts and messages have it: POSIX, relative to the root, with leading `..` where it lies outside. */
  keyOf(path: string): string;
  look(path: string): Look;
  /** The content of a file as JSON; `value` is undefined where the text is none, and the whole where there is no file. */
  json(path: string): { readonly value: unknown } | undefined;
}

/** The disk as it was at one moment: every question is asked once, and its answer kept. */
export class DiskMoment implements Disk {
  /** Absolute, links followed. */
  readonly root: string;
  readonly #observeFile: (path: string) => MaybePromise<Observation>;
  readonly #rootIsLink: boolean;
  readonly #looks = new Map<string, Look>();
  readonly #folders = new Map<string, string | undefined>();
  readonly #jsons = new Map<string, { readonly digest: Digest; readonly value: unknown }>();
  readonly #observed = new Map<string, MaybePromise<Observation>>();

  constructor(root: string, observeFile: (path: string) => MaybePromise<Observation>) {
    const plain = resolve(root);
    this.root = realpathOf(plain) ?? plain;
    this.#rootIsLink = this.root !== plain;
    this.#observeFile = observeFile;
  }

  keyOf(path: string): string {
    const prefix = this.root === '/' ? '/' : `${this.root}/`;
    if (path.startsWith(prefix)) return path.slice(prefix.length);
    return relative(this.root, path).replaceAll(sep, '/');
  }

  pathOf(key: string): string {
    return key === '..' || key.startsWith('../') || key === '' ? resolve(this.root, key) : `${this.root}/${key}`;
  }

  look(path: string): Look {
    let found = this.#looks.get(path);
    if (found === undefined) this.#looks.set(path, (found = this.#lookNow(path)));
    return found;
  }

  #lookNow(path: string): Look {
    const folder = this.#realFolder(dirname(path));
    if (folder === undefined) return { kind: 'none', real: path };
    const name = path.slice(path.lastIndexOf('/') + 1);
    const place = folder === '/' ? `/${name}` : `${folder}/${name}`;
    const seen = lstatOf(place);
    if (seen === undefined) return { kind: 'none', real: path };
    if (!seen.isSymbolicLink()) return { kind: kindOf(seen), real: place };
    const real = realpathOf(place);
    const target = real === undefined ? undefined : statOf(real);
    return real === undefined || target === undefined ? { kind: 'none', real: path } : { kind: kindOf(target), real };
  }

  #realFolder(path: string): string | undefined {
    if (path === this.root) return path;
    if (!this.#folders.has(path)) this.#folders.set(path, realpathOf(path));
    return this.#folders.get(path);
  }

  json(path: string): { readonly digest: Digest; readonly value: unknown } | undefined {
    const known = this.#jsons.get(path);
    if (known !== undefined) return known;
    const bytes = readBytes(path);
    if (bytes === undefined) return undefined;
    const read = { digest: digestBytes(bytes), value: parseJson(bytes.toString('utf8')) };
    this.#jsons.set(path, read);
    return read;
  }

  /** What the stat index says of a file. A promise is replaced by what it gave once it has settled. */
  observe(key: string): MaybePromise<Observation> {
    const known = this.#observed.get(key);
    if (known !== undefined) return known;
    // `..` from a linked root would lead somewhere else than from the real one.
    const asked = this.#rootIsLink && key.startsWith('../') ? this.pathOf(key) : key;
    const seen = this.#observeFile(asked);
    this.#observed.set(key, seen);
    return seen instanceof Promise ? seen.then((settled) => this.#settle(key, settled)) : seen;
  }

  #settle(key: string, seen: Observation): Observation {
    this.#observed.set(key, seen);
    return seen;
  }

  /** The present answer to a question. */
  answer(question: string): MaybePromise<string> {
    const key = question.slice(1);
    if (question.startsWith('?')) return this.encodeLook(this.pathOf(key));
    const seen = this.observe(key);
    return seen instanceof Promise ? seen.then(encodeContent) : encodeContent(seen);
  }

  encodeLook(path: string): string {
    const { kind, real } = this.look(path);
    if (kind === 'none') return '';
    const letter = kind === 'file' ? 'f' : 'd';
    return real === path ? letter : `${letter}>${this.keyOf(real)}`;
  }
}

/** Asks the disk of one moment and writes down each question with its answer. */
export class Probe implements Disk {
  readonly root: string;
  readonly facts = new Map<string, string>();
  readonly #disk: DiskMoment;

  constructor(disk: DiskMoment) {
    this.#disk = disk;
    this.root = disk.root;
  }

  keyOf(path: string): string {
    return this.#disk.keyOf(path);
  }

  look(path: string): Look {
    this.facts.set(`?${this.#disk.keyOf(path)}`, this.#disk.encodeLook(path));
    return this.#disk.look(path);
  }

  json(path: string): { readonly value: unknown } | undefined {
    const seen = this.look(path);
    if (seen.kind !== 'file') return undefined;
    const read = this.#disk.json(seen.real);
    this.facts.set(`=${this.#disk.keyOf(seen.real)}`, read === undefined ? '' : read.digest);
    return read;
  }
}

function encodeContent(seen: Observation): string {
  return seen.kind === 'file' ? seen.digest : '';
}

function kindOf(stats: { isFile(): boolean; isDirectory(): boolean }): Look['kind'] {
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'folder' : 'none';
}

/** The file's bytes, or undefined where it cannot be read. */
export function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

// What cannot be looked at (a forbidden folder, a loop of links, a name that is too long) is not there, as for Node.js.

function lstatOf(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}
