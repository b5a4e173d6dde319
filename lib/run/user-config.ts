// The configuration file of a user: what belongs to a person or a machine, not to a pipeline. Read only by commands that need it.

import { homedir } from 'node:os';
import { readTextIfExists } from '../core/disk.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';

/** `$DAGRUN_CONFIG`, or `dagrun/config.yaml` in `$XDG_CONFIG_HOME` (default `~/.config`). */
export function userConfigPath(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment['DAGRUN_CONFIG'];
  if (own !== undefined && own !== '') return own;
  const xdg = environment['XDG_CONFIG_HOME'];
  const base = xdg !== undefined && xdg.startsWith('/') ? xdg : `${environment['HOME'] ?? homedir()}/.config`;
  return `${base}/dagrun/config.yaml`;
}

/** An empty map where there is no file. */
export async function readUserConfig(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Result<Readonly<Record<string, Value>>, CommandFailure>> {
  const path = userConfigPath(environment);
  let text: string | undefined;
  try {
    text = readTextIfExists(path);
  } catch (error) {
    return err(failure('configuration', { message: `cannot read ${path}: ${messageOf(error)}` }));
  }
  if (text === undefined) return ok({});
  const { readYaml, valueOf } = await import('../pipeline/yaml.ts');
  const { root, problems } = readYaml(text);
  // The text may hold secrets: what is wrong is said without repeating any of it.
  if (problems.length > 0)
    return err(failure('configuration', { message: `${path} is not sound YAML`, hint: 'correct it, or remove it' }));
  if (root === undefined) return ok({});
  const value = valueOf(root);
  return isObject(value) ? ok(value) : err(failure('configuration', { message: `${path}: expected a map` }));
}
