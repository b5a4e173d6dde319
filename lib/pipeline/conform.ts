// Checks parameter files against JSON Schemas (draft 2020-12) that users write, and those schemas themselves.
// Loads ajv, yaml and smol-toml: the run floor imports this module only when something is about to run.

import type { Fault } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { explain } from './explain.ts';
import { FaultList } from './faults.ts';
import { compileSchema } from './schema-file.ts';
import { parseValues } from './values.ts';
import { nodeOf, readYaml } from './yaml.ts';
import type { Node, Problem } from './yaml.ts';

export interface TextFile {
  /** Its name in messages; the extension tells the format. */
  readonly file: string;
  readonly text: string;
}

/** Never throws. Faults of the schema where it cannot be used; otherwise those of the values, with places unless they are TOML. */
export function checkValues(values: TextFile, schema: TextFile): readonly Fault[] {
  const validator = compileSchema(schema.file, schema.text);
  if (!validator.ok) return validator.error;
  const root = readTree(values);
  if (!root.ok) return root.error;
  let problems: readonly Problem[];
  try {
    problems = explain(root.value, validator.value);
  } catch (error) {
    // A reference that leads back to itself with nothing in between ends in a stack overflow.
    const message = `${schema.file}: the schema cannot be applied to ${values.file}: ${messageOf(error)}`;
    return [{ message, hint: 'look for a "$ref" that leads back to itself' }];
  }
  return isToml(values.file) ? withoutPlaces(values.file, problems) : listFaults(values, problems);
}

function isToml(file: string): boolean {
  return /\.toml$/i.test(file);
}

/** As for `params`, a file without anything in it is an empty map. */
function readTree({ file, text }: TextFile): Result<Node, readonly Fault[]> {
  if (isToml(file)) {
    const parsed = parseValues(file, text);
    return parsed.ok ? ok(nodeOf(parsed.value)) : err([parsed.error]);
  }
  const { root, problems } = readYaml(text, /\.json$/i.test(file) ? 'json' : 'core');
  if (problems.length > 0) return err(listFaults({ file, text }, problems));
  return ok(root ?? nodeOf({}));
}

function listFaults({ file, text }: TextFile, problems: readonly Problem[]): readonly Fault[] {
  const faults = new FaultList(file, text);
  for (const problem of problems) faults.addProblem(problem);
  return faults.list();
}

const mostFaults = 500;

function withoutPlaces(file: string, problems: readonly Problem[]): readonly Fault[] {
  const faults = new Map(problems.map(({ message, hint }) => [message, { message: `${file}: ${message}`, hint }]));
  return [...faults.values()].slice(0, mostFaults);
}
