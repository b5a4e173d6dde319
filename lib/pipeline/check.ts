// Checks a pipeline file, as written, against the JSON Schema.

import { explain, joinKeys } from './explain.ts';
import type { Voice } from './explain.ts';
import { validate } from './pipeline-validator.ts';
import { pipelineSchema } from './schema.ts';
import { errorsOf, resolverOf } from './validator.ts';
import type { Validator } from './validator.ts';
import type { Node, Problem } from './yaml.ts';

const validator: Validator = {
  check: (value) => errorsOf(validate, value),
  // It has no alternatives whose parts one would have to look at.
  checkPart: () => undefined,
  resolve: resolverOf(pipelineSchema),
};

/** Everything in the file that the schema does not allow, in no particular order. */
export function checkSchema(root: Node): Problem[] {
  return explain(root, validator, voice);
}

const voice: Voice = { describePath, hintForKey };

function hintForKey(path: readonly string[], _key: string, known: readonly string[]): string | undefined {
  if (known.includes('do')) return `with "foreach", everything else about the stage goes below "do"`;
  if (path.length > 0) return undefined;
  return `known keys: ${known.join(', ')}; a key starting with "x-" may hold anything`;
}

/** `stage "train": deps[0]: `; empty for the file itself. */
function describePath(path: readonly string[]): string {
  const [first, stage, ...inner] = path;
  if (first !== 'stages' || stage === undefined) return path.length === 0 ? '' : `${joinKeys(path)}: `;
  const rest = inner[0] === 'do' ? inner.slice(1) : inner;
  return rest.length === 0 ? `stage "${stage}": ` : `stage "${stage}": ${joinKeys(rest)}: `;
}
