// What the cache refuses, as a failure of the whole command.

import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { Busy } from '../store/activity.ts';

export function failureOf(problem: Busy | StoreProblem): CommandFailure {
  return 'owner' in problem ? failure('locked', problem) : failure('storage', problem);
}
