// The schema of pipeline files as a function. Here it is compiled when this is loaded; what is built holds in this place the code that
// ajv makes of the same schema (scripts/pipeline-validator.mjs), so that the program neither loads nor runs a compiler.

import { newAjv } from './ajv-validator.ts';
import { pipelineSchema } from './schema.ts';

export const validate = newAjv().compile(pipelineSchema);
