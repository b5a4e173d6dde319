import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { pipelineSchema } from './schema.ts';

describe('pipeline.schema.json', () => {
  it('is the schema that pipelines are checked with', () => {
    const committed = readFileSync(new URL('../../pipeline.schema.json', import.meta.url), 'utf8');
    expect(committed).toBe(`${JSON.stringify(pipelineSchema, null, 2)}\n`);
  });

  it('is a valid JSON Schema of draft 2020-12', () => {
    const ajv = new Ajv2020();
    expect(ajv.validateSchema(pipelineSchema)).toBe(true);
  });

  it('has alternatives in conditions only: what is built cannot check one of several by itself', () => {
    const found: string[] = [];
    const walk = (part: unknown, path: string): void => {
      if (typeof part !== 'object' || part === null) return;
      for (const [key, inner] of Object.entries(part)) {
        if (['anyOf', 'oneOf', 'contains'].includes(key)) found.push(path);
        walk(inner, `${path}/${key}`);
      }
    };
    walk(pipelineSchema, '');
    expect(found.filter((path) => !path.endsWith('/if'))).toEqual([]);
    expect(found).toHaveLength(1);
  });

  it('has every key in docs/pipeline.md', () => {
    const text = readFileSync(new URL('../../docs/pipeline.md', import.meta.url), 'utf8');
    const { properties, $defs } = pipelineSchema;
    const maps: Readonly<Record<string, object>>[] = [
      properties,
      properties.cache.properties,
      $defs.foreachStage.properties,
      $defs.plainStage.properties,
      $defs.plainStage.properties.resources.properties,
      $defs.out.additionalProperties.properties,
      $defs.plotOptions.properties,
    ];
    const keys = new Set(maps.flatMap((map) => Object.keys(map)));
    expect(keys.size).toBeGreaterThan(40);
    expect([...keys].filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
  });

  it('describes every key of a stage and of the file, for editors', () => {
    const described = (properties: Record<string, object>): string[] =>
      Object.entries(properties).flatMap(([key, part]) => ('description' in part || '$ref' in part ? [] : [key]));
    expect(described(pipelineSchema.properties)).toEqual([]);
    expect(described(pipelineSchema.$defs.plainStage.properties)).toEqual([]);
  });
});
