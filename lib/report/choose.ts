// Which reporter a run gets: JSON where that was asked for, a live terminal where a person is watching, plain lines otherwise.

import type { Reporter } from '../core/event.ts';
import { isCi, isWatched, wantsColour } from './colour.ts';
import { JsonReporter } from './json.ts';
import { PlainReporter } from './plain.ts';
import type { Output } from './sink.ts';
import { TerminalReporter } from './terminal.ts';

export interface ReporterChoice {
  readonly out: Output;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The time in milliseconds, from any starting point. */
  readonly now: () => number;
}

/** Seconds after which a silent stage is mentioned again: CI services end jobs that say nothing; a log file needs less. */
const heartbeats = { ci: 60, elsewhere: 600 } as const;

export function chooseReporter(choice: ReporterChoice): Reporter {
  const { out, json, verbose, quiet, env, now } = choice;
  if (json) return new JsonReporter({ out, verbose });
  const options = { out, verbose, quiet, colour: wantsColour(env, out), now };
  if (isWatched(env, out) && !quiet) return new TerminalReporter(options);
  return new PlainReporter({ ...options, heartbeat: isCi(env) ? heartbeats.ci : heartbeats.elsewhere });
}
