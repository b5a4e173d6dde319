// `dagrun freeze`

import type { Command } from './command.ts';
import { setFrozenStages } from './frozen.ts';

export const command: Command = {
  name: 'freeze',
  args: '<stages…>',
  summary:
    'Keeps stages from running: their outs stay as they are, whatever changes above them. Edits the pipeline file.',
  examples: ['dagrun freeze train'],
  arity: [1, Infinity],
  options: {},
  run: (invocation) => setFrozenStages(invocation, true),
};
