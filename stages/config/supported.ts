// What params.yaml may say and this version cannot do: told before anything trains, so that no model waits for one that will fail. The stages that
// would need it refuse it as well.

import type { Fault } from './faults.ts';
import type { NamedModel } from './params.ts';

/** A fault for each model that is a pre-trained backbone. */
export function findUnsupported(models: readonly NamedModel[]): Fault[] {
  return models.flatMap(({ name, definition: { architecture } }): Fault[] =>
    architecture.kind === 'backbone' ? [tellBackbone(name, architecture.name)] : [],
  );
}

function tellBackbone(model: string, backbone: string): Fault {
  return {
    path: ['model', model, 'model', backbone],
    message: `the backbone ${backbone} is not part of this version`,
    hint: `take "${model}" out of the file and the others can run, or describe a network under \`custom\``,
  };
}
