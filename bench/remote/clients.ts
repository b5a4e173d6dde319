// The three programs that push and pull, each with a workspace of its own and both versions of a case in its cache.

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Version } from './cases.ts';
import { packageFolder, plainEnvironment } from './programs.ts';
import type { Program } from './programs.ts';
import type { Store } from './stores.ts';

export type Action = 'push' | 'fetch' | 'pull';

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
}

export interface Client {
  readonly name: string;
  /** Where the files of the workspace are after a pull. */
  readonly out: string;
  /** Puts both versions into the cache; `sources` are folders that have them. */
  prepare(sources: Readonly<Record<Version, string>>): void;
  /** Pushes and pulls are about this version and below this prefix from now on. */
  select(version: Version, prefix: string): void;
  /** Undefined where the client has no such command. */
  command(action: Action): Command | undefined;
  /** Forgets all that was ever pulled, or all but the base. */
  forget(keep: 'base' | 'nothing'): void;
}

interface Setting {
  readonly folder: string;
  readonly program: Program;
  readonly store: Store;
  /** Files that differ between the versions. */
  readonly changed: readonly string[];
}

function runOrThrow({ argv: [program = '', ...args], cwd, env }: Command): void {
  const end = spawnSync(program, args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (end.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${end.stdout}${end.stderr}`);
}

function filesBelow(folder: string): ReadonlySet<string> {
  const items = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Set(items.filter((item) => item.isFile()).map((item) => join(item.parentPath, item.name)));
}

function removeBut(folder: string, kept: ReadonlySet<string>): void {
  for (const path of filesBelow(folder)) if (!kept.has(path)) rmSync(path, { force: true });
}

/** What dagrun and DVC have in common: a cache, an out, and a small file that says which version is meant. */
abstract class CachingClient implements Client {
  abstract readonly name: string;
  readonly out: string;
  protected readonly setting: Setting;
  protected abstract readonly cache: string;
  protected abstract readonly record: string;
  #baseFiles: ReadonlySet<string> = new Set();
  #baseSource = '';

  constructor(setting: Setting) {
    this.setting = setting;
    this.out = join(setting.folder, 'data');
    mkdirSync(setting.folder, { recursive: true });
  }

  protected path(...parts: readonly string[]): string {
    return join(this.setting.folder, ...parts);
  }

  protected run(...args: readonly string[]): Command {
    const { program, store, folder } = this.setting;
    const env = plainEnvironment({
      ...store.env,
      DAGRUN_PACKAGES: packageFolder(),
      DVC_NO_ANALYTICS: 'true',
      DVC_SITE_CACHE_DIR: this.path('site'),
    });
    return { argv: [...program.command, ...args], cwd: folder, env };
  }

  protected call(...args: readonly string[]): void {
    runOrThrow(this.run(...args));
  }

  protected abstract begin(): void;
  protected abstract take(source: string, version: Version): void;
  protected abstract aim(prefix: string): void;
  protected abstract forgetState(): void;

  prepare(sources: Readonly<Record<Version, string>>): void {
    this.begin();
    for (const version of ['base', 'changed'] as const) {
      this.take(sources[version], version);
      copyFileSync(this.path(this.record), this.path(version));
      if (version === 'base') this.#baseFiles = filesBelow(this.path(this.cache));
    }
    this.#baseSource = sources.base;
  }

  select(version: Version, prefix: string): void {
    copyFileSync(this.path(version), this.path(this.record));
    this.aim(prefix);
  }

  command(action: Action): Command {
    return this.run(action);
  }

  forget(keep: 'base' | 'nothing'): void {
    if (keep === 'nothing') {
      for (const path of [this.out, this.path(this.cache)]) rmSync(path, { recursive: true, force: true });
      this.forgetState();
      return;
    }
    removeBut(this.path(this.cache), this.#baseFiles);
    for (const path of this.setting.changed) {
      rmSync(join(this.out, path), { force: true });
      copyFileSync(join(this.#baseSource, path), join(this.out, path));
    }
  }
}

class Dagrun extends CachingClient {
  readonly name = 'dagrun';
  protected readonly cache = 'cache';
  protected readonly record = 'pipeline.lock';

  protected begin(): void {
    this.aim('none');
  }

  protected aim(prefix: string): void {
    const { store } = this.setting;
    const stages = { make: { cmd: 'cp -r "$(cat version)" data', deps: ['version'], outs: ['data'] } };
    writeFileSync(this.path('pipeline.yaml'), JSON.stringify({ remotes: { origin: store.dagrun(prefix) }, stages }));
  }

  protected take(source: string): void {
    writeFileSync(this.path('version'), source);
    this.call('repro', '--quiet');
  }

  protected forgetState(): void {
    rmSync(this.path('.dagrun'), { recursive: true, force: true });
  }
}

class Dvc extends CachingClient {
  readonly name = 'dvc';
  protected readonly cache = '.dvc/cache';
  protected readonly record = 'data.dvc';

  protected begin(): void {
    // Of a folder that git ignores, as bench/work is, DVC sees nothing.
    const { cwd, env } = this.run();
    runOrThrow({ argv: ['git', 'init', '--quiet'], cwd, env });
    this.call('init', '--quiet');
  }

  protected aim(prefix: string): void {
    const { url = '', ...options } = this.setting.store.dvc(prefix);
    const lines = Object.entries({ url, ...options }).map(([key, value]) => `    ${key} = ${value}\n`);
    const config = `[core]\n    remote = origin\n    analytics = false\n['remote "origin"']\n${lines.join('')}`;
    writeFileSync(this.path('.dvc/config'), config);
  }

  protected take(source: string): void {
    rmSync(this.out, { recursive: true, force: true });
    cpSync(source, this.out, { recursive: true });
    this.call('add', '--quiet', 'data');
  }

  protected forgetState(): void {
    rmSync(this.path('site'), { recursive: true, force: true });
    rmSync(this.path('.dvc/tmp'), { recursive: true, force: true });
  }
}

/** Not every server answers `Expect: 100-continue`, and rclone would wait a second for it before each part. */
const noWait = ['--expect-continue-timeout', '1ms'];

/** Copies the files as they are. It is told to compare sizes alone, which no changed file has in common with what it was. */
class Rclone implements Client {
  readonly name = 'rclone';
  readonly out: string;
  readonly #setting: Setting;
  #sources: Readonly<Record<Version, string>> = { base: '', changed: '' };
  #source = '';
  #target = '';

  constructor(setting: Setting) {
    this.#setting = setting;
    this.out = join(setting.folder, 'data');
    mkdirSync(setting.folder, { recursive: true });
  }

  prepare(sources: Readonly<Record<Version, string>>): void {
    this.#sources = sources;
    cpSync(sources.base, this.out, { recursive: true });
  }

  select(version: Version, prefix: string): void {
    this.#source = this.#sources[version];
    this.#target = this.#setting.store.rclone(prefix);
  }

  command(action: Action): Command | undefined {
    const { folder, program, store } = this.#setting;
    if (action === 'pull') return undefined;
    const [from, to] = action === 'push' ? [this.#source, this.#target] : [this.#target, this.out];
    const flags = [...'--config /nonexistent --transfers 8 --checkers 8 --fast-list --size-only'.split(' '), ...noWait];
    return { argv: [...program.command, 'copy', ...flags, from, to], cwd: folder, env: plainEnvironment(store.env) };
  }

  forget(keep: 'base' | 'nothing'): void {
    if (keep === 'nothing') {
      rmSync(this.out, { recursive: true, force: true });
      return;
    }
    for (const path of this.#setting.changed) {
      mkdirSync(dirname(join(this.out, path)), { recursive: true });
      copyFileSync(join(this.#sources.base, path), join(this.out, path));
    }
  }
}

export function makeClient(name: 'dagrun' | 'dvc' | 'rclone', setting: Setting): Client {
  return new { dagrun: Dagrun, dvc: Dvc, rclone: Rclone }[name](setting);
}
