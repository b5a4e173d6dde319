// Runs the real program (main.cjs beside this one), and the packages that it loads, from V8's code cache where there is one: that saves a run that
// does little about a quarter of its time, and one that parses the pipeline anew half of what the YAML parser takes.
// A cache is kept beside its file, named after the version of Node.js and this build, to which alone it belongs: of the file V8 compares the
// length only. V8 itself refuses a cache of another version, of other flags, or one that was cut short; then it is written anew. Newer versions
// of Node.js could do this on their own (module.enableCompileCache), but version 20 cannot.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import { uniqueName } from '../core/disk.ts';

declare const __DAGRUN_BUILD__: string;

type Program = (exports: object, require: NodeJS.Require, module: object, file: string, folder: string) => void;

/** What is worth keeping for the next run: by the path of its cache. */
const fresh = new Map<string, Script>();

/** A file as a function, the way Node.js itself wraps a CommonJS module. */
function compile(file: string): Script {
  const cache = file.replace(/\.cjs$/, `-${__DAGRUN_BUILD__}-${process.version}-${process.arch}.cache`);
  // What the build makes is ASCII, which is read faster as what it is.
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(file, 'latin1')}\n})`;
  const cachedData = readCache(cache);
  const script = new Script(source, { filename: file, ...(cachedData === undefined ? {} : { cachedData }) });
  if (cachedData === undefined || script.cachedDataRejected === true) fresh.set(cache, script);
  return script;
}

/** One that is not there, or that another user keeps to himself, only costs the time. */
function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** At the end, when all is compiled that was called. A folder that cannot be written to only costs the time. */
function keepFresh(): void {
  for (const [cache, script] of fresh) {
    const tmp = `${cache}-${uniqueName()}`;
    try {
      // V8 looks at the head alone: what a crash of the machine leaves behind must not be half of it.
      writeFileSync(tmp, script.createCachedData(), { flag: 'wx', flush: true });
      renameSync(tmp, cache);
    } catch {
      rmSync(tmp, { force: true });
    }
  }
}

/** Each file is evaluated once. */
const loaded = new Map<string, object>();

/** What a file that the build made exports; `name` is relative to the program, and looks like './vendor/yaml.cjs'. */
function load(name: string): object {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = `${__dirname}/${name.slice('./'.length)}`;
  const module_ = { exports: {} };
  const own = createRequire(file);
  const require = (wanted: string): unknown => (wanted.startsWith('./vendor/') ? load(wanted) : own(wanted));
  const run = compile(file).runInThisContext() as Program;
  run(module_.exports, Object.assign(require, own), module_, file, file.slice(0, file.lastIndexOf('/')));
  loaded.set(name, module_.exports);
  return module_.exports;
}

/** Runs the program in this process. */
export function start(): void {
  process.once('exit', keepFresh);
  load('./main.cjs');
}
