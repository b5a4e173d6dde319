// Runs the real program (main.cjs beside this one), and the packages that it loads, from V8's code cache where there is one: that saves a run that
// does little about a quarter of its time, and one that parses the pipeline anew half of what the YAML parser takes.
// A cache is kept beside its file, named after the version of Node.js, and belongs to exactly this build; V8 itself refuses one of another
// version or of other flags. Newer versions of Node.js could do this on their own (module.enableCompileCache), but version 20 cannot.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

type Program = (exports: object, require: NodeJS.Require, module: object, file: string, folder: string) => void;

/** A file as a function, the way Node.js itself wraps a CommonJS module. */
function compile(file: string, cache: string): Script {
  // What the build makes is ASCII, which is read faster as what it is.
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(file, 'latin1')}\n})`;
  const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
  return new Script(source, { filename: file, ...(cachedData === undefined ? {} : { cachedData }) });
}

/** What this run has compiled is what the next one needs. A folder that cannot be written to only costs the time. */
function keep(script: Script, cache: string): void {
  const tmp = `${cache}-${process.pid}`;
  try {
    writeFileSync(tmp, script.createCachedData());
    renameSync(tmp, cache);
  } catch {
    rmSync(tmp, { force: true });
  }
}

/** Each file is evaluated once. */
const loaded = new Map<string, object>();

/** What a file that the build made exports; `name` is relative to the program, and looks like './vendor/yaml.cjs'. */
function load(name: string): object {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = `${__dirname}/${name.slice('./'.length)}`;
  const cache = file.replace(/\.cjs$/, `-${process.version}-${process.arch}.cache`);
  const script = compile(file, cache);
  if (!existsSync(cache)) process.once('exit', () => keep(script, cache));
  const module_ = { exports: {} };
  const own = createRequire(file);
  const require = (wanted: string): unknown => (wanted.startsWith('./vendor/') ? load(wanted) : own(wanted));
  const run = script.runInThisContext() as Program;
  run(module_.exports, Object.assign(require, own), module_, file, file.slice(0, file.lastIndexOf('/')));
  loaded.set(name, module_.exports);
  return module_.exports;
}

/** Runs the program in this process. */
export function start(): void {
  load('./main.cjs');
}
