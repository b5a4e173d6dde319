// The environment that a stage's commands get: that of the runner, and where they are.

import { statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface EnvironmentRequest {
  /** The runner's own environment. */
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly stage: string;
  /** Absolute path of the workspace root. */
  readonly root: string;
  /** Absolute path of the JSON file with resolved params, deps, outs, runs and resources. */
  readonly context: string;
}

/**
 * The base, DAGRUN_STAGE, DAGRUN_ROOT and DAGRUN_CONTEXT. As with npm scripts, programs of installed packages can be called by
 * name: where `<root>/node_modules/.bin` is a folder it comes first in PATH.
 */
export function buildEnvironment(request: EnvironmentRequest): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.base)) if (value !== undefined) env[name] = value;
  const programs = join(request.root, 'node_modules', '.bin');
  if (isFolder(programs)) prependPath(env, programs);
  env['DAGRUN_STAGE'] = request.stage;
  env['DAGRUN_ROOT'] = request.root;
  env['DAGRUN_CONTEXT'] = request.context;
  return env;
}

function prependPath(env: Record<string, string>, folder: string): void {
  // Windows spells it `Path`, and takes either.
  const name =
    process.platform === 'win32' ? (Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH') : 'PATH';
  const rest = env[name];
  if (rest?.split(delimiter)[0] === folder) return;
  env[name] = rest === undefined || rest === '' ? folder : `${folder}${delimiter}${rest}`;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
