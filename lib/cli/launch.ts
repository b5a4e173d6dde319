// The file that is started: answers at once where nothing can have changed, and runs the program otherwise. What only the program needs is
// loaded with it.

import { answerAtOnce } from './at-once.ts';

// Leaving at once also saves taking the heap apart.
if (answerAtOnce(process.argv.slice(2), process.env)) process.exit(0);
void import('./start.ts').then(({ start }) => start());
