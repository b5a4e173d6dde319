// What params.yaml may say and this version cannot do: told before anything trains, so that no model waits for one that will fail. The stages that
// would need it refuse it as well.

import type { EngineChoice } from './definition.ts';
import type { Fault, Path } from './faults.ts';
import type { NamedModel } from './params.ts';

const engines: readonly EngineChoice[] = ['auto', 'wasm'];

/** The keys of params.yaml that decide about engines, after the schema's check. */
interface RawEngines {
  readonly model: Readonly<Record<string, { readonly params?: RawOverrides | null }>>;
}

interface RawOverrides {
  readonly engine?: unknown;
  readonly train?: { readonly engine?: unknown } | null;
}

/** A fault for each model that is a pre-trained backbone, and for each place that asks for an engine that is not there. */
export function findUnsupported(document: unknown, models: readonly NamedModel[]): Fault[] {
  return models.flatMap(({ name, definition: { architecture, train } }): Fault[] => [
    ...(architecture.kind === 'backbone' ? [tellBackbone(name, architecture.name)] : []),
    ...(engines.includes(train.engine) ? [] : [tellEngine(pathOfEngine(document as RawEngines, name), train.engine)]),
  ]);
}

function tellBackbone(model: string, backbone: string): Fault {
  return {
    path: ['model', model, 'model', backbone],
    message: `the backbone ${backbone} is not part of this version`,
    hint: `take "${model}" out of the file and the others can run, or describe a network under \`custom\``,
  };
}

function tellEngine(path: Path, engine: EngineChoice): Fault {
  return {
    path,
    message: `the engine ${engine} is not part of this version`,
    hint: `write ${engines.map((name) => `\`${name}\``).join(' or ')}`,
  };
}

function pathOfEngine({ model }: RawEngines, name: string): Path {
  const overrides = model[name]?.params ?? {};
  const path = ['model', name, 'params'];
  if (overrides.train?.engine !== undefined) return [...path, 'train', 'engine'];
  return overrides.engine === undefined ? ['train', 'engine'] : [...path, 'engine'];
}
