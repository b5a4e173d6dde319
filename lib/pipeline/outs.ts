// The outs, metrics and plots of a stage. Options that only DVC knows are accepted and not kept.

import { placeOut } from './paths.ts';
import type { Out } from './pipeline.ts';
import { isRepeated, itemsOf } from './fields.ts';
import type { Fields } from './fields.ts';
import type { Node, Span } from './yaml.ts';

const labels = { outs: 'out', metrics: 'metric', plots: 'plot' } as const;
type Field = keyof typeof labels;

export function readOuts(fields: Fields): readonly Out[] {
  const seen = new Set<string>();
  return (['outs', 'metrics', 'plots'] as const).flatMap((field) =>
    itemsOf(fields, field).flatMap((item) => readItem(fields, seen, field, item)),
  );
}

function readItem(fields: Fields, seen: Set<string>, field: Field, item: Node): readonly Out[] {
  if (item.kind !== 'map') {
    const raw = fields.reader.text(item, field);
    return raw === undefined ? [] : readOut(fields, seen, { field, raw, at: item, options: undefined });
  }
  return [...item.entries.values()].flatMap((entry) => {
    const raw = fields.reader.key(entry, field);
    // DVC allows several plots of one file; whether it is cached stands with the first.
    const options = entry.value.kind === 'list' ? entry.value.items[0] : entry.value;
    return raw === undefined ? [] : readOut(fields, seen, { field, raw, at: entry.at, options });
  });
}

interface WrittenOut {
  readonly field: Field;
  readonly raw: string;
  readonly at: Span;
  readonly options: Node | undefined;
}

function readOut(fields: Fields, seen: Set<string>, { field, raw, at, options }: WrittenOut): readonly Out[] {
  const { reader, wdir, context } = fields;
  const path = placeOut(reader, { raw, at, wdir }, context.rules, field);
  if (path === undefined || isRepeated(fields, seen, path, at, `${field}: "${path}" is an out of this stage already`))
    return [];
  const option = (name: string): Node | undefined =>
    options?.kind === 'map' ? options.entries.get(name)?.value : undefined;
  const flag = (name: string, otherwise: boolean): boolean => {
    const node = option(name);
    return node === undefined ? otherwise : (reader.flag(node, `${field}: ${name}`) ?? otherwise);
  };
  const desc = option('desc');
  const note = desc === undefined ? undefined : reader.text(desc, `${field}: desc`);
  const place = context.shared.faults.placeOf(at);
  return [
    {
      path,
      label: labels[field],
      cache: flag('cache', true),
      persist: flag('persist', false),
      ...(note === undefined ? {} : { desc: note }),
      at: place,
    },
  ];
}
