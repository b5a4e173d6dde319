// `schemas:` of a pipeline file: which JSON Schema which parameter file has to fit. Reads neither.

import type { RepoPath } from '../core/path.ts';
import { placeFile } from './paths.ts';
import type { SchemaUse } from './pipeline.ts';
import type { Reader } from './reader.ts';
import { refuseParamFile } from './values.ts';
import type { Entry, Node } from './yaml.ts';

const field = 'schemas';

/** `base` is the folder of the pipeline file, which the paths are relative to. */
export function readSchemas(reader: Reader, node: Node | undefined, base: RepoPath): readonly SchemaUse[] {
  if (node === undefined) return [];
  return reader.map(node, field).flatMap((entry) => readUse(reader, entry, base) ?? []);
}

function readUse(reader: Reader, entry: Entry, base: RepoPath): SchemaUse | undefined {
  const rawFile = reader.key(entry, field);
  const rawSchema = reader.text(entry.value, `${field}.${entry.key}`);
  if (rawFile === undefined || rawSchema === undefined) return undefined;
  const file = placeFile(reader, { raw: rawFile, at: entry.at, wdir: base }, field);
  const schema = placeFile(reader, { raw: rawSchema, at: entry.value, wdir: base }, field);
  if (file === undefined || schema === undefined) return undefined;
  const refused = refuseParamFile(file);
  if (refused !== undefined) reader.fault(entry.at, `${field}: ${refused.message}`, { hint: refused.hint });
  if (!/\.json$/i.test(schema))
    reader.fault(entry.value, `${field}: "${rawSchema}" is not a JSON file`, { hint: 'a schema is written in JSON' });
  const { faults } = reader.shared;
  return { file, schema, at: faults.placeOf(entry.at), schemaAt: faults.placeOf(entry.value) };
}
