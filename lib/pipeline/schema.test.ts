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

  it('describes every key of a stage and of the file, for editors', () => {
    const described = (properties: Record<string, object>): string[] =>
      Object.entries(properties).flatMap(([key, part]) => ('description' in part || '$ref' in part ? [] : [key]));
    expect(described(pipelineSchema.properties)).toEqual([]);
    expect(described(pipelineSchema.$defs.plainStage.properties)).toEqual([]);
  });
});
