// One text for equal values, and its digest: what makes "the same model" and "the same data set" decidable. Knows nothing of what the values mean.

import xxhash from 'xxhash-wasm';
import type { XXHashAPI } from 'xxhash-wasm';
import type { ModelDefinition, PrepareSettings } from './definition.ts';

/**
 * JSON with the keys of every map sorted, two spaces of indent and a newline at the end: equal values have equal bytes.
 * Properties that are undefined are left out. Throws where a value has no place in JSON (NaN, infinity, functions).
 */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Error(`a ${typeof value} cannot be written as JSON`);
}

/** XXH64 of the canonical JSON, 16 hexadecimal digits. Equal for two names, spellings or orders of one model. */
export function definitionDigest(definition: ModelDefinition): Promise<string> {
  return digest(definition);
}

/** Id of the data set that the settings give, 16 hexadecimal digits. */
export function datasetId(settings: PrepareSettings): Promise<string> {
  return digest(settings);
}

let loading: Promise<XXHashAPI> | undefined;

async function digest(value: unknown): Promise<string> {
  const api = await (loading ??= xxhash());
  return api.h64ToString(canonicalJson(value));
}
