import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readDataSource } from './data-source.ts';
import { readSelectionSettings } from '../selection/settings.ts';
import { readParams } from './params.ts';
import { smallest } from './testing.ts';

const text = readFileSync(new URL('../../docs/params.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => yaml!);

/** All keys that a schema has. */
function keysOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]: [string, unknown]) =>
    key === 'properties'
      ? [...Object.keys(value as object), ...Object.values(value as object).flatMap(keysOf)]
      : keysOf(value),
  );
}

describe('docs/params.md', () => {
  it.each(['params', 'evaluation-metrics'])('has every key of %s.schema.json', (name) => {
    const schema: unknown = JSON.parse(readFileSync(new URL(`./${name}.schema.json`, import.meta.url), 'utf8'));
    const keys = [...new Set(keysOf(schema))];
    expect(keys.length).toBeGreaterThan(18);
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
  });

  it('has the schemas at the paths where they are', () => {
    const paths = [...text.matchAll(/\$schema=(\S+)/g)].map(([, path]) => path!);
    expect(paths).toHaveLength(2);
    for (const path of paths) expect(() => readFileSync(new URL(`../../${path}`, import.meta.url))).not.toThrow();
  });

  it.each(examples)('has an example that works, number %#', (yaml) => {
    const value = parse(yaml) as unknown;
    if (value === null) return expect(yaml).toMatch(/^#/);
    if (Array.isArray(value))
      return void readParams({ model: { m: { model: { custom: [{ layer: [{ branch: value }] }] } } } });
    if (Object.hasOwn(value as object, 'evaluation_metrics')) return void readSelectionSettings(value);
    const document = value as { data?: unknown };
    if (document.data !== undefined) readDataSource(document.data);
    readParams({ model: { m: { model: parse(smallest) as unknown } }, ...document });
  });

  it('says the defaults that hold', () => {
    const { definition } = readParams({ model: { m: { model: parse(smallest) as unknown } } }).models[0]!;
    const { train, prepare } = definition;
    const row = (key: string): string => new RegExp(`^\\| \`${key}\` +\\| (.*?) +\\|`, 'm').exec(text)![1]!;
    expect(row('lr')).toBe(`\`${train.lr}\``);
    expect(row('epochs')).toBe(`\`${train.epochs}\``);
    expect(row('batch')).toBe(`\`${train.batch}\``);
    expect(row('keep')).toBe(`\`${train.keep}\``);
    expect(row('engine')).toBe(`\`${train.engine}\``);
    expect(row('split')).toBe(`\`${prepare.split}\``);
    expect(row('image_size')).toBe(`\`[${prepare.imageSize.join(', ')}]\``);
  });
});
