// From text to a validated Pipeline. The only maker of Pipelines; whatever is wrong is reported at once, each fault with its place.
//
// YAML to a tree with places → the JSON Schema → variables → foreach and matrix → the fields of every stage.
// Loads yaml, ajv and smol-toml: the run floor imports this module only when a pipeline has to be parsed anew.

import type { Fault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { checkSchema } from './check.ts';
import { Expansion } from './expand.ts';
import { FaultList } from './faults.ts';
import { folderOf } from './paths.ts';
import type { CacheSettings, Pipeline } from './pipeline.ts';
import { Reader, newReaderShared } from './reader.ts';
import { readRemotes } from './remotes.ts';
import { readCache, readPools } from './resources.ts';
import { readSchemas } from './schemas.ts';
import { readStage } from './stage.ts';
import { Variables } from './vars.ts';
import { readYaml } from './yaml.ts';
import type { MapNode, Node } from './yaml.ts';

export interface ParseInput {
  /** The pipeline file, relative to the workspace root. */
  readonly file: string;
  /** The lock file, relative to the workspace root: no out may be it. */
  readonly lockFile: string;
  readonly text: string;
  /** The text of a file of variables, relative to the root; undefined where there is none. */
  readonly readSource: (path: string) => string | undefined;
}

const defaultCacheDir = 'cache';

/** Never throws: arbitrary text gives a Pipeline or faults, sorted by place. */
export function parsePipeline(input: ParseInput): Result<Pipeline, readonly Fault[]> {
  const faults = new FaultList(input.file, input.text);
  const tree = readYaml(input.text);
  for (const problem of tree.problems) faults.addProblem(problem);
  if (!tree.usable) return err(faults.list());
  const { root } = tree;
  if (root !== undefined) for (const problem of checkSchema(root)) faults.addProblem(problem);
  const pipeline = readPipeline(input, root?.kind === 'map' ? root : undefined, faults);
  return faults.any ? err(faults.list()) : ok(pipeline);
}

function readPipeline(input: ParseInput, root: MapNode | undefined, faults: FaultList): Pipeline {
  const top = (key: string): Node | undefined => root?.entries.get(key)?.value;
  const base = folderOf(input.file);
  const variables = new Variables({ faults, base, readSource: input.readSource });
  const scope = variables.forPipeline(top('vars'));
  const shared = newReaderShared(faults, input.text);
  const reader = new Reader(shared, scope);
  const cache: CacheSettings = readCache(reader, top('cache'));
  const pools = readPools(reader, top('pools'));
  const schemas = readSchemas(reader, top('schemas'), base);
  const remotes = readRemotes(reader, top('remotes'));
  const stagesNode = top('stages');
  const definitions = stagesNode?.kind === 'map' ? stagesNode : undefined;
  const groups = [...(definitions?.entries.keys() ?? [])];
  const rules = { base, pipelineFile: input.file, lockFile: input.lockFile, cacheDir: cache.dir ?? defaultCacheDir };
  const context = { shared, variables, rules, pools, groups, groupSet: new Set(groups) };
  const drafts = definitions === undefined ? [] : new Expansion(shared, scope).expand(definitions);
  const stages = drafts.map((draft) => readStage(draft, context));
  const sources = [...new Set([input.file, ...variables.used])];
  const shares = remotes.length === 0 ? {} : { remotes };
  return { file: input.file, stages, pools, cache, schemas, ...shares, sources };
}
