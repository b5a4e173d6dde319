// The program: the real process around main().

import { loadDigest } from '../core/digest.ts';
import { exitCodes } from '../core/failure.ts';
import type { ExitCode } from '../core/failure.ts';
import { codeOf, messageOf } from '../core/result.ts';
import { main } from './main.ts';

// Whoever reads our output may stop reading (`dagrun dag | head`): that is no error.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? exitCodes.done);
});

// Compiles on another thread while the command line is read and the workspace is found; who needs it awaits it.
void loadDigest();

/** Leaves once what was written is out, without taking the heap apart first: that would take longer than a no-op run. */
function leave(code: ExitCode): void {
  process.exitCode = code;
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
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
