// Reads the whole of params.yaml: the data, and the canonical definition of every model, all faults told at once.

import type { Place, RawArchitecture } from './architecture.ts';
import { backboneOf, pathWithin, readArchitecture } from './architecture.ts';
import type { BackboneContext } from './backbone.ts';
import { checkBackbone, weightsOriginOf } from './backbone.ts';
import { classCount, parseDataSource } from './data-source.ts';
import type { Architecture, DataSource, HalvingSettings, ModelDefinition, WeightsOrigin } from './definition.ts';
import type { Fault, Locate, Path } from './faults.ts';
import { throwFaults } from './faults.ts';
import type { RawHalving } from './halving.ts';
import { checkHalving, readHalving } from './halving.ts';
import { checkAgainst } from './schema.ts';
import type { RawOverrides, RawPrepare, RawSections, RawTrain } from './settings.ts';
import { applyOverrides, checkOverrides, checkSettings, readPrepare, readTrain } from './settings.ts';
import { walkShapes } from './shape.ts';

export interface NamedModel {
  readonly name: string;
  readonly definition: ModelDefinition;
  /** Where the weights that it starts from are to be had; null: it needs none. Their digest in the definition is not known here. */
  readonly weights: WeightsOrigin | null;
}

export interface Params {
  readonly data: DataSource;
  /** In the order of the file. */
  readonly models: readonly NamedModel[];
  /** null: no model is stopped. */
  readonly halving: HalvingSettings | null;
}

/** params.yaml as the schema allows it. */
interface RawParams {
  readonly data?: unknown;
  readonly prepare?: RawPrepare | null;
  readonly train?: RawTrain | null;
  readonly weights_mirror?: string | null;
  readonly halving?: RawHalving | null;
  readonly model: Readonly<Record<string, RawModel>>;
}

interface RawModel {
  readonly params?: RawOverrides | null;
  readonly model: RawArchitecture;
}

/**
 * Reads the parsed params.yaml. Throws a StageFailure with a line for each fault: what the schema does not allow, settings that do not go
 * together, operations that do not fit, and numbers of classes other than that of the data.
 * @param openText - tells where in the file a fault is; see throwFaults
 */
export function readParams(document: unknown, openText?: () => Locate): Params {
  const broken = checkAgainst('params', document);
  const sound = (...path: Path): boolean => !broken.some((fault) => touches(fault.path, path));
  if (!sound('model') && broken.some(({ path }) => path.length < 2)) throwFaults('params.yaml', broken, openText);
  const raw = document as RawParams;
  const faults = [...broken];

  const data = sound('data') ? parseDataSource(raw.data) : undefined;
  faults.push(...(data?.faults ?? []));
  const classes = data === undefined ? null : classCount(data.source);
  const sections = sound('train') && sound('prepare') ? { train: raw.train ?? {}, prepare: raw.prepare ?? {} } : null;
  const names = Object.keys(raw.model).filter((name) => sound('model', name));
  faults.push(...checkNames(Object.keys(raw.model)));
  const read = names.flatMap((name) =>
    sections === null
      ? []
      : [readModel(name, raw.model[name]!, { sections, classes, mirror: raw.weights_mirror ?? null })],
  );
  faults.push(...read.flatMap((model) => model.faults));
  const halving = sound('halving') && raw.halving ? readHalving(raw.halving) : null;
  faults.push(...(halving === null ? [] : checkHalving(halving)));
  throwFaults('params.yaml', faults, openText);
  const models = read.map(({ name, definition, weights }) => ({ name, definition, weights }));
  return { data: data!.source, models, halving };
}

/** Whether a fault lies within the value at a path, or around it. */
function touches(fault: Path, path: Path): boolean {
  return path.slice(0, fault.length).every((part, index) => fault[index] === part);
}

/** Names are folders in artifacts/: on many systems two of them may not differ in nothing but case. */
function checkNames(names: readonly string[]): Fault[] {
  const seen = new Map<string, string>();
  return names.flatMap((name) => {
    const folded = name.normalize('NFC').toLowerCase();
    const other = seen.get(folded);
    seen.set(folded, name);
    if (other === undefined) return [];
    const message = `is the same name as "${other}" where files do not know case`;
    return [{ path: ['model', name], message, hint: 'rename one of the two' }];
  });
}

interface ModelContext {
  readonly sections: RawSections;
  /** That of the data; null: not known. */
  readonly classes: number | null;
  readonly mirror: string | null;
}

function readModel(name: string, raw: RawModel, { sections, classes, mirror }: ModelContext) {
  const path: Path = ['model', name];
  const overrides = raw.params ?? {};
  const own = applyOverrides(sections, overrides);
  const prepare = readPrepare(own.prepare);
  const train = readTrain(own.train);
  const architecture = readArchitecture(raw.model, prepare.imageSize);
  const faults = [
    ...checkOverrides(overrides, [...path, 'params']),
    ...checkSettings(prepare, train, path),
    ...checkArchitecture(architecture, raw.model, { prepare, train }).map((fault) =>
      place(fault, raw.model, [...path, 'model']),
    ),
    ...checkClasses(architecture, raw.model, classes).map((fault) => place(fault, raw.model, [...path, 'model'])),
  ];
  const definition: ModelDefinition = { version: 1, prepare, train, architecture };
  const backbone = backboneOf(raw.model);
  const weights = backbone === undefined ? null : weightsOriginOf(backbone.name, backbone.value, mirror);
  return { name, definition, weights, faults };
}

/** A fault within an architecture. */
interface Placed extends Place {
  readonly message: string;
  readonly hint?: string;
}

function place(fault: Placed, raw: RawArchitecture, path: Path): Fault {
  return { path: [...path, ...pathWithin(raw, fault)], message: fault.message, hint: fault.hint };
}

function checkArchitecture(
  architecture: Architecture,
  raw: RawArchitecture,
  context: BackboneContext,
): readonly Placed[] {
  if (architecture.kind === 'backbone') return checkBackbone(architecture, backboneOf(raw)!.value, context);
  const { imageSize, grayscale } = context.prepare;
  return walkShapes(architecture.layers, [...imageSize, grayscale ? 1 : 3]).faults;
}

function checkClasses(architecture: Architecture, raw: RawArchitecture, classes: number | null): Placed[] {
  if (classes === null) return [];
  const fault = (count: number, at: Omit<Placed, 'message'>): Placed[] =>
    count === classes
      ? []
      : [{ ...at, message: `${count} classes, but the data has ${classes}`, hint: `write ${classes}` }];
  if (architecture.kind === 'backbone')
    return fault(architecture.classes, typeof backboneOf(raw)!.value === 'number' ? {} : { inner: ['classes'] });
  return architecture.layers.flatMap(({ branches }, layer) =>
    branches.flatMap((ops, branch) =>
      ops.flatMap((op, position) => (op.op === 'output' ? fault(op.classes, { layer, branch, op: position }) : [])),
    ),
  );
}
