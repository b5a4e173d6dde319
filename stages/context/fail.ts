// How a stage program ends: what a user can mend is one clear message and exit code 1; a bug keeps its stack.

/** A failure that the user can mend. The message says where, what, and what next. */
export class StageFailure extends Error {
  override readonly name = 'StageFailure';
}

/** Runs a stage program to its end, and sets the exit code of the process. */
export async function runStage(program: () => Promise<void> | void): Promise<void> {
  try {
    await program();
  } catch (error) {
    process.stderr.write(`${error instanceof StageFailure ? error.message : describe(error)}\n`);
    process.exitCode = 1;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
