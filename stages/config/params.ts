// Reads the whole of params.yaml: the data, and the canonical definition of every model, all faults told at once.

import type { RawArchitecture } from './architecture.ts';
import { pathWithin, readArchitecture } from './architecture.ts';
import { classCount, parseDataSource } from './data-source.ts';
import type { Architecture, DataSource, ModelDefinition, PrepareSettings } from './definition.ts';
import type { Fault, Path } from './faults.ts';
import { throwFaults } from './faults.ts';
import type { Locate } from './locate.ts';
import { checkAgainst } from './schema.ts';
import type { RawOverrides, RawPrepare, RawSections, RawTrain } from './settings.ts';
import { applyOverrides, checkOverrides, checkSettings, readPrepare, readTrain } from './settings.ts';
import { formatShape, walkShapes } from './shape.ts';

export interface NamedModel {
  readonly name: string;
  readonly definition: ModelDefinition;
}

export interface Params {
  readonly data: DataSource;
  /** In the order of the file. */
  readonly models: readonly NamedModel[];
}

/** params.yaml as the schema allows it. */
interface RawParams {
  readonly data?: unknown;
  readonly prepare?: RawPrepare | null;
  readonly train?: RawTrain | null;
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
    sections === null ? [] : [readModel(name, raw.model[name]!, { sections, classes })],
  );
  faults.push(...read.flatMap((model) => model.faults));
  throwFaults('params.yaml', faults, openText);
  return { data: data!.source, models: read.map(({ name, definition }) => ({ name, definition })) };
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
}

function readModel(name: string, raw: RawModel, { sections, classes }: ModelContext) {
  const path: Path = ['model', name];
  const overrides = raw.params ?? {};
  const own = applyOverrides(sections, overrides);
  const prepare = readPrepare(own.prepare);
  const train = readTrain(own.train);
  const architecture = readArchitecture(raw.model);
  const faults = [
    ...checkOverrides(overrides, [...path, 'params']),
    ...checkSettings(prepare, train, path),
    ...checkArchitecture(architecture, prepare).map((fault) => place(fault, raw.model, [...path, 'model'])),
    ...checkClasses(architecture, classes).map((fault) => place(fault, raw.model, [...path, 'model'])),
  ];
  const definition: ModelDefinition = { version: 1, prepare, train, architecture };
  return { name, definition, faults };
}

/** A fault within an architecture. */
interface Placed {
  readonly layer?: number;
  readonly branch?: number;
  readonly op?: number;
  readonly message: string;
  readonly hint?: string;
}

function place(fault: Placed, raw: RawArchitecture, path: Path): Fault {
  return { path: [...path, ...pathWithin(raw, fault)], message: fault.message, hint: fault.hint };
}

function checkArchitecture(architecture: Architecture, prepare: PrepareSettings): readonly Placed[] {
  const [height, width] = prepare.imageSize;
  const input = [height, width, prepare.grayscale ? 1 : 3] as const;
  if (architecture.kind === 'custom') return walkShapes(architecture.layers, input).faults;
  const faults: Placed[] = [];
  const from = `${architecture.name} comes pre-trained on colour images`;
  if (prepare.grayscale) faults.push({ message: from, hint: 'set `grayscale: false` in the params of this model' });
  if (height < 32 || width < 32)
    faults.push({
      message: `${architecture.name} needs at least 32×32 pixels, but gets ${formatShape(input)}`,
      hint: 'set `image_size` in the params of this model',
    });
  return faults;
}

function checkClasses(architecture: Architecture, classes: number | null): Placed[] {
  if (classes === null) return [];
  const fault = (count: number, at: Omit<Placed, 'message'>): Placed[] =>
    count === classes
      ? []
      : [{ ...at, message: `${count} classes, but the data has ${classes}`, hint: `write ${classes}` }];
  if (architecture.kind === 'backbone') return fault(architecture.classes, {});
  return architecture.layers.flatMap(({ branches }, layer) =>
    branches.flatMap((ops, branch) =>
      ops.flatMap((op, position) => (op.op === 'output' ? fault(op.classes, { layer, branch, op: position }) : [])),
    ),
  );
}
