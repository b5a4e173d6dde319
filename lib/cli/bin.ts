// The program: the real process around main().

import { loadDigest } from '../core/digest.ts';
import { exitCodes } from '../core/failure.ts';
import type { ExitCode } from '../core/failure.ts';
import { codeOf, messageOf } from '../core/result.ts';
import { main } from './main.ts';

/** Why output was lost that somebody wanted. */
let lost: string | undefined;

// Whoever reads our output may stop reading (`dagrun repro | head`), or close the terminal: that is no error, and no reason to stop. A full
// disk is no reason to stop either, but one not to end well.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (!['EPIPE', 'EIO'].includes(codeOf(error) ?? '')) lost ??= messageOf(error);
  });
}

// Compiles on another thread while the command line is read and the workspace is found; who needs it awaits it.
void loadDigest();

/** Leaves once what was written is out, without taking the heap apart first: that would take longer than a no-op run. */
function leave(code: ExitCode): void {
  process.exitCode = code;
  process.stdout.write('', (first) =>
    process.stderr.write('', (second) => {
      if ((first ?? second ?? null) === null) process.exit(code);
      // The stream says only after this what was wrong with it.
      setImmediate(endBadly, code);
    }),
  );
}

function endBadly(code: ExitCode): void {
  if (lost === undefined || code !== exitCodes.done) process.exit(code);
  process.stderr.write(`the output could not be written: ${lost}\n`, () => process.exit(exitCodes.failed));
}

main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, environment: { ...process.env } }).then(
  leave,
  (error: unknown) => {
    process.stderr.write(
      `dagrun has a bug, please report it: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
    );
    leave(exitCodes.failed);
  },
);
