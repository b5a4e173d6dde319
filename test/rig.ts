// The test rig: a real folder a test, the real program, and commands that the test controls over a socket. Nothing in it sleeps:
// a test waits for something to happen (a command reports its start, a line is printed, a process ends), never for time to pass.

import { afterEach, beforeEach } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The bundled program under test; `DAGRUN_CLI` names another build, such as an installed package. */
export const cliPath = process.env['DAGRUN_CLI'] ?? fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));
const fakePath = fileURLToPath(new URL('fakes/command.mjs', import.meta.url));
const clockModule = new URL('fakes/clock.mjs', import.meta.url).href;
const hostModule = new URL('fakes/host.mjs', import.meta.url).href;

/** Environment for a program that lives some days later. */
export function later(days: number): Record<string, string> {
  return { NODE_OPTIONS: `--import ${clockModule}`, RIG_CLOCK_DAYS: String(days) };
}

/** Environment for a program on whose clock everything takes so many times as long. */
export function slowed(rate: number): Record<string, string> {
  return { NODE_OPTIONS: `--import ${clockModule}`, RIG_CLOCK_RATE: String(rate) };
}

/** Environment for a program that runs on another machine. */
export function elsewhere(): Record<string, string> {
  return { NODE_OPTIONS: `--import ${hostModule}` };
}

/** Longest wait for something that should happen at once; only a broken program gets there. */
const patience = 20_000;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Folder to start in, relative to the workspace. */
  readonly cwd?: string;
  /** As another user: only root can have that. */
  readonly uid?: number;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, for messages where the stream does not matter. */
  readonly output: string;
}

/** One line of `repro --json`, as loosely typed as a foreign program would see it. */
export interface EventLine {
  readonly kind: string;
  readonly stage?: string;
  readonly [field: string]: unknown;
}

export interface ReasonJson {
  readonly kind: string;
  readonly key?: string;
  readonly path?: string;
  readonly stage?: string;
  readonly from?: string | null;
  readonly to?: string | null;
}

export interface StageStatus {
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly ReasonJson[];
}

/** What `repro --json` said. */
export interface Repro extends Finished {
  readonly events: readonly EventLine[];
  readonly executed: readonly string[];
  readonly restored: readonly string[];
  readonly skipped: readonly string[];
  readonly failed: readonly string[];
  readonly blocked: readonly string[];
  /** Of a dry run: action by stage. */
  readonly planned: Readonly<Record<string, string>>;
  readonly summary: EventLine | undefined;
}

/** A command that counts itself: `rig.executed()` tells that it ran. */
export function step(name: string, command = 'true'): string {
  return `echo ${name} >> "$RIG_LOG"; ${command}`;
}

/** A command that the test controls: see `rig.started(name)`. */
export function controlled(name: string): string {
  return `echo ${name} >> "$RIG_LOG"; exec "$RIG_NODE" "$RIG_FAKE" ${name}`;
}

/** Opens a fresh workspace before each test and removes it after. */
export function useRig(): Rig {
  const rig = new Rig();
  beforeEach(() => rig.open());
  afterEach(() => rig.close());
  return rig;
}

export class Rig {
  #base = '';
  #server: Server | undefined;
  #runs: LongRun[] = [];
  #sockets = new Set<Socket>();
  #waiting = new Map<string, ((command: FakeCommand) => void)[]>();
  #arrived = new Map<string, FakeCommand[]>();
  /** Controlled commands that run now. */
  readonly live = new Set<FakeCommand>();
  /** Called at every start of a controlled command, with `live` up to date: for what must hold at every instant. */
  onStart: (() => void) | undefined;

  /** `place`: the folder in which the workspace is made. */
  async open(place = tmpdir()): Promise<void> {
    if (!existsSync(cliPath)) throw new Error(`${cliPath} is missing: run \`npm run build\` first`);
    this.#base = realpathSync(mkdtempSync(join(place, 'dagrun-test-')));
    this.live.clear();
    this.#waiting.clear();
    this.#arrived.clear();
    this.#runs = [];
    this.onStart = undefined;
    mkdirSync(this.root);
    writeFileSync(this.#log, '');
    await this.#listen();
  }

  async close(): Promise<void> {
    for (const run of this.#runs) run.signal('SIGKILL');
    await Promise.all(this.#runs.map((run) => run.end()));
    for (const command of this.live) killQuietly(command.pid);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
    execFileSync('chmod', ['-R', 'u+rwX', this.#base]);
    rmSync(this.#base, { recursive: true, force: true });
  }

  /** The workspace; its parent folder is the test's own too. */
  get root(): string {
    return join(this.#base, 'ws');
  }

  get #log(): string {
    return join(this.#base, 'rig.log');
  }

  // ---- files ----

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Writes files by path; folders are made. A value of null removes the path. */
  write(files: Readonly<Record<string, string | Uint8Array | null>>): void {
    for (const [path, text] of Object.entries(files)) {
      if (text === null) {
        rmSync(this.path(path), { recursive: true, force: true });
        continue;
      }
      mkdirSync(dirname(this.path(path)), { recursive: true });
      writeFileSync(this.path(path), text);
    }
  }

  remove(...paths: string[]): void {
    for (const path of paths) rmSync(this.path(path), { recursive: true, force: true });
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  readJson(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  has(path: string): boolean {
    return lstatSync(this.path(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** Writes pipeline.yaml: text as it stands, an object as JSON (which is YAML). */
  pipeline(content: string | object, file = 'pipeline.yaml'): void {
    this.write({ [file]: typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n` });
  }

  /** Every file below a folder of the workspace, as relative paths in order; an absent folder has none. */
  files(folder: string): string[] {
    const found: string[] = [];
    const walk = (path: string): void => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const child = join(path, entry.name);
        if (entry.isDirectory()) walk(child);
        else found.push(relative(this.root, child));
      }
    };
    if (existsSync(this.path(folder))) walk(this.path(folder));
    return found.sort();
  }

  /** What the workspace holds: kind, mode and content by path, without what may be dropped at any time. */
  snapshot(): Record<string, string> {
    const seen: Record<string, string> = {};
    const walk = (folder: string): void => {
      for (const entry of readdirSync(this.path(folder), { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (path === '.dagrun') continue;
        const mode = lstatSync(this.path(path)).mode.toString(8);
        if (entry.isDirectory()) {
          seen[path] = mode;
          walk(path);
        } else seen[path] = `${mode} ${entry.isSymbolicLink() ? readlinkSync(this.path(path)) : this.read(path)}`;
      }
    };
    walk('.');
    return seen;
  }

  /** Objects in the cache whose content is this text. */
  objectsWith(text: string): string[] {
    return this.files('cache/objects').filter((path) => this.read(path) === text);
  }

  /** Changes a file that may be read-only, in place: the inode stays. */
  damage(path: string, text: string): void {
    chmodSync(this.path(path), 0o644);
    writeFileSync(this.path(path), text);
  }

  inode(path: string): number {
    return statSync(this.path(path)).ino;
  }

  /** Makes the workspace a git repository; returns a function that runs git in it. */
  git(): (...args: string[]) => string {
    const git = (...args: string[]): string =>
      execFileSync(
        'git',
        ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false', ...args],
        { cwd: this.root, encoding: 'utf8', stdio: 'pipe' },
      );
    git('init', '-q', '-b', 'main');
    return git;
  }

  // ---- running ----

  env(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = {};
    for (const [name, value] of Object.entries(process.env)) {
      if (!/^(NODE_EXTRA_CA_CERTS|NODE_OPTIONS|CI|GITHUB_.*|FORCE_COLOR|JEST_.*|DAGRUN_.*)$/.test(name))
        env[name] = value;
    }
    return {
      ...env,
      NO_COLOR: '1',
      RIG_LOG: this.#log,
      RIG_SOCKET: this.#socketPath,
      RIG_NODE: process.execPath,
      RIG_FAKE: fakePath,
      ...extra,
    };
  }

  start(args: readonly string[], options: RunOptions = {}): LongRun {
    const child = spawn(process.execPath, [cliPath, ...args], {
      cwd: this.path(options.cwd ?? '.'),
      env: this.env(options.env),
      stdio: 'pipe',
      detached: true,
      ...(options.uid === undefined ? {} : { uid: options.uid }),
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const run = new LongRun(child, args);
    this.#runs.push(run);
    return run;
  }

  /** Runs the program to its end. One that hangs is killed, and its `code` is null. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const run = this.start(args, options);
    const timer = setTimeout(() => run.signal('SIGKILL'), patience);
    try {
      return await run.end();
    } finally {
      clearTimeout(timer);
    }
  }

  /** `repro --json …`, and what it said. */
  async repro(args: readonly string[] = [], options: RunOptions = {}): Promise<Repro> {
    return readRepro(await this.run(['repro', '--json', ...args], options));
  }

  /** `status --json …`, by stage. Fails the test where status itself fails. */
  async status(args: readonly string[] = [], options: RunOptions = {}): Promise<Record<string, StageStatus>> {
    const run = await this.run(['status', '--json', ...args], options);
    if (run.code !== 0) throw new Error(`status ended with ${run.code}: ${run.output}`);
    const { stages } = JSON.parse(run.stdout) as { stages: StageStatus[] };
    return Object.fromEntries(stages.map((stage) => [stage.name, stage]));
  }

  async states(args: readonly string[] = [], options: RunOptions = {}): Promise<Record<string, string>> {
    return Object.fromEntries(Object.values(await this.status(args, options)).map(({ name, state }) => [name, state]));
  }

  /** `repro`, which must succeed: the test fails with what it said where it does not. */
  async good(args: readonly string[] = [], options: RunOptions = {}): Promise<Repro> {
    const run = await this.repro(args, options);
    if (run.code !== 0) throw new Error(`repro ended with ${run.code}: ${run.output}`);
    return run;
  }

  /** Brings the workspace to where the test starts: runs the pipeline, and the list of executions starts anew. */
  async settle(args: readonly string[] = [], options: RunOptions = {}): Promise<Repro> {
    const run = await this.good(args, options);
    this.executed();
    return run;
  }

  /** Names that the commands of stages logged since the last call, in order. */
  executed(): string[] {
    const names = readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    writeFileSync(this.#log, '');
    return names;
  }

  // ---- controlled commands ----

  /** The next start of the controlled command of this name, past or to come. */
  started(name: string): Promise<FakeCommand> {
    const early = this.#arrived.get(name)?.shift();
    if (early !== undefined) return Promise.resolve(early);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const said = this.#runs.map((run) => `${run.args.join(' ')}:\n${run.stdout}${run.stderr}`).join('\n');
        reject(new Error(`the command "${name}" was never started\n${said}`));
      }, patience);
      const waiting = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, waiting);
      waiting.push((command) => {
        clearTimeout(timer);
        resolve(command);
      });
    });
  }

  get #socketPath(): string {
    return join(this.#base, 'rig.sock');
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      const command = new FakeCommand(
        socket,
        () => this.#arrive(command),
        () => this.live.delete(command),
      );
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#socketPath, resolve));
  }

  #arrive(command: FakeCommand): void {
    this.live.add(command);
    this.onStart?.();
    const waiting = this.#waiting.get(command.name)?.shift();
    if (waiting !== undefined) {
      waiting(command);
      return;
    }
    const arrived = this.#arrived.get(command.name) ?? [];
    this.#arrived.set(command.name, arrived);
    arrived.push(command);
  }
}

/** The test's end of a controlled command. */
export class FakeCommand {
  name = '';
  pid = 0;
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #orders: (() => void)[] = [];

  constructor(socket: Socket, onStart: () => void, onEnd: () => void) {
    this.#socket = socket;
    createInterface({ input: socket }).on('line', (line) => {
      const said = JSON.parse(line) as { started?: string; pid?: number };
      if (said.started === undefined) {
        this.#orders.shift()?.();
        return;
      }
      this.name = said.started;
      this.pid = said.pid!;
      onStart();
    });
    this.ended = new Promise((resolve) => {
      // 'end' comes before the start of whatever is started because this one ended.
      socket.on('end', onEnd);
      socket.on('close', () => {
        onEnd();
        resolve();
      });
    });
  }

  write(path: string, text: string): Promise<void> {
    return this.#order({ do: 'write', path, text });
  }

  print(text: string): Promise<void> {
    return this.#order({ do: 'print', text });
  }

  ignore(signal: NodeJS.Signals): Promise<void> {
    return this.#order({ do: 'ignore', signal });
  }

  async exit(code = 0): Promise<void> {
    this.#socket.write(`${JSON.stringify({ do: 'exit', code })}\n`);
    await this.ended;
  }

  #order(order: object): Promise<void> {
    return new Promise((resolve) => {
      this.#orders.push(resolve);
      this.#socket.write(`${JSON.stringify(order)}\n`);
    });
  }
}

/** A run of the program that the test watches. */
export class LongRun {
  stdout = '';
  stderr = '';
  readonly args: readonly string[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<Finished>;
  readonly #watchers = new Set<() => void>();
  #over = false;

  constructor(child: ChildProcess, args: readonly string[]) {
    this.#child = child;
    this.args = args;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#over = true;
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, output: this.stdout + this.stderr });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Waits until the predicate holds: it is asked at every output, and now and then for what shows in files only. */
  waitFor(predicate: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + patience;
      const finish = (error?: Error): void => {
        clearInterval(timer);
        this.#watchers.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (predicate()) finish();
        else if (this.#over)
          finish(new Error(`the run ended before what was waited for\n${this.stdout}${this.stderr}`));
        else if (performance.now() > deadline) finish(new Error(`waited in vain\n${this.stdout}${this.stderr}`));
      };
      const timer = setInterval(look, 10);
      this.#watchers.add(look);
      look();
    });
  }

  /** Signals the program itself, not its children. */
  signal(name: NodeJS.Signals): void {
    if (!this.#over) this.#child.kill(name);
  }

  end(): Promise<Finished> {
    return this.#ended;
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export function readRepro(run: Finished): Repro {
  const events = readEvents(run.stdout);
  const named = (kind: string): string[] =>
    events.filter((event) => event.kind === kind).map((event) => event.stage ?? '');
  const planned = events
    .filter((event) => event.kind === 'stage-planned')
    .map((event) => [event.stage ?? '', String(event['action'])] as const);
  return {
    ...run,
    events,
    executed: named('stage-executed'),
    restored: named('stage-restored'),
    skipped: named('stage-skipped'),
    failed: named('stage-failed'),
    blocked: named('stage-blocked'),
    planned: Object.fromEntries(planned),
    summary: events.find((event) => event.kind === 'summary'),
  };
}

/** Every line must be one JSON event. */
function readEvents(stdout: string): EventLine[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EventLine);
}

/** True while a process of this id exists (a zombie counts as gone). */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Only for the id of a controlled command whose socket is still open: it cannot have been given to another process. */
function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone, as it should be.
  }
}
