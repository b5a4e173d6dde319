// Runs the real program (main.cjs beside this one) from V8's code cache where there is one, which saves a run that does little about a quarter of its time.
// The cache is kept beside the program, named after the version of Node.js, and belongs to exactly this build; V8 itself refuses one of another
// version or of other flags. Newer versions of Node.js could do this on their own (module.enableCompileCache), but version 20 cannot.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

const program = `${__dirname}/main.cjs`;
const cache = `${__dirname}/main-${process.version}-${process.arch}.cache`;

type Program = (exports: object, require: NodeJS.Require, module: object, file: string, folder: string) => void;

/** The program as a function, the way Node.js itself wraps a CommonJS module. */
function compile(): Script {
  // What the build makes is ASCII, which is read faster as what it is.
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(program, 'latin1')}\n})`;
  const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
  return new Script(source, { filename: program, ...(cachedData === undefined ? {} : { cachedData }) });
}

/** What this run has compiled is what the next one needs. A folder that cannot be written to only costs the time. */
function keep(script: Script): void {
  const tmp = `${cache}-${process.pid}`;
  try {
    writeFileSync(tmp, script.createCachedData());
    renameSync(tmp, cache);
  } catch {
    rmSync(tmp, { force: true });
  }
}

/** Runs the program in this process. */
export function start(): void {
  const script = compile();
  if (!existsSync(cache)) process.once('exit', () => keep(script));
  const module_ = { exports: {} };
  (script.runInThisContext() as Program)(module_.exports, createRequire(program), module_, program, __dirname);
}
