// Which counter of a team's signals stands for what.

/** Counters 0 … programCounters − 1 are for the program that the team runs. */
export const programCounters = 4;
/** Commands given. */
export const commandCounter = programCounters;
/** Commands done, each counted by every member. */
export const finishedCounter = programCounters + 1;
export const counters = programCounters + 2;
