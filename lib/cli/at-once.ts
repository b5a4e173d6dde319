// The shortest way to "nothing to do": before the program is loaded, is all still as it was when a run found nothing to do? Only for the two
// commands as they are mostly given; whatever is not certain is left to the program, which says the same, more slowly.

import { existsSync, fstatSync, statSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { monotonic } from '../core/clock.ts';
import { isWatched, makeColours, wantsColour } from '../report/colour.ts';
import { summaryLine } from '../report/format.ts';
import { renderUpToDate } from '../report/up-to-date.ts';
import { buildId } from '../run/build-id.ts';
import { locatePipeline } from '../run/locate.ts';
import { standstillPath } from '../run/state-folder.ts';
import { readStandstill, stillStands } from '../workspace/standstill.ts';

interface Asked {
  readonly command: 'repro' | 'status';
  readonly cwd: string;
}

/** True where the command was answered: nothing is to be done, and that was said. Never throws. */
export function answerAtOnce(argv: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  try {
    return answer(argv, environment);
  } catch {
    // A folder that cannot be looked at, or output that nobody takes: the program knows what to do about it.
    return false;
  }
}

function answer(argv: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const startedAt = monotonic();
  const asked = readAsked(argv);
  const located = asked === undefined ? undefined : locatePipeline(asked.cwd, undefined);
  if (asked === undefined || located?.ok !== true) return false;
  const { root, file, stateDir } = located.value;
  // Somebody works here, or died here: either is for the program to deal with.
  if (existsSync(`${stateDir}/lock`)) return false;
  const standstill = readStandstill(standstillPath(stateDir, file));
  if (standstill === undefined) return false;
  const { claims } = standstill;
  if (claims.build !== buildId || claims.root !== root || claims.pipeline !== file) return false;
  if (claims.cacheDir !== (environment['DAGRUN_CACHE_DIR'] ?? null)) return false;
  return stillStands(standstill) && say(asked.command, claims.stages, { environment, startedAt });
}

/** `repro` or `status`, with `-C DIR` and what changes nothing where all is well: `--check`, and a number of jobs. */
function readAsked(argv: readonly string[]): Asked | undefined {
  let folder = '.';
  let command: Asked['command'] | undefined;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    const value = argv[index + 1] ?? '-';
    // What begins with a dash is no folder but an option to the program, which objects to it.
    if (word === '-C' && !value.startsWith('-')) folder = argv[++index]!;
    else if (command === 'repro' && (word === '-j' || word === '--jobs') && /^[1-9]\d{0,5}$/.test(value)) index++;
    else if (command === undefined && (word === 'repro' || word === 'status')) command = word;
    else if (command !== 'status' || word !== '--check') return undefined;
  }
  const cwd = resolve(folder);
  if (command === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  return { command, cwd };
}

/** False where nothing was written; throws where it cannot be. */
function say(
  command: Asked['command'],
  stages: number,
  { environment, startedAt }: { readonly environment: NodeJS.ProcessEnv; readonly startedAt: number },
): boolean {
  // The stream is only made where it may be a terminal: making it takes as long as looking at a thousand files.
  const out = { isTTY: fstatSync(1).isCharacterDevice() && process.stdout.isTTY, write: () => true };
  const colours = makeColours(wantsColour(environment, out));
  const seconds = (monotonic() - startedAt) / 1000;
  const counts = { executed: 0, restored: 0, skipped: stages, failed: 0, blocked: 0, saved: 0 };
  const idle = summaryLine({ kind: 'summary', ...counts, seconds, dry: false });
  const repro = isWatched(environment, out) ? colours.bold(idle) : idle;
  const text = command === 'status' ? colours.green(renderUpToDate({ fresh: stages, frozen: 0 })) : repro;
  return writeSync(1, `${text}\n`) > 0;
}
