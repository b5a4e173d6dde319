// `dagrun unfreeze`

import type { Command } from './command.ts';
import { setFrozenStages } from './frozen.ts';

export const command: Command = {
  name: 'unfreeze',
  args: '<stages…>',
  summary: 'Lets frozen stages run again. Edits the pipeline file.',
  examples: ['dagrun unfreeze train'],
  arity: [1, Infinity],
  options: {},
  run: (invocation) => setFrozenStages(invocation, false),
};
