// The schema of pipeline files as code that needs no compiler any more: what the build puts in the place of lib/pipeline/pipeline-validator.ts.
import { build } from 'esbuild';

const contents = `
export { newAjv } from './lib/pipeline/ajv-validator.ts';
export { pipelineSchema } from './lib/pipeline/schema.ts';
export { default as standalone } from 'ajv/dist/standalone/index.js';
`;

/** The schema itself, and an ES module with its `validate`; both made of the sources below `root`. */
export async function compilePipelineSchema(root) {
  const bundle = await build({
    absWorkingDir: root,
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
  const { newAjv, pipelineSchema, standalone } = await import(`data:text/javascript;base64,${source}`);
  const ajv = newAjv({ code: { source: true, esm: true } });
  return { pipelineSchema, code: standalone.default(ajv, ajv.compile(pipelineSchema)) };
}
