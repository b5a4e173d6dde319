// A program of the test of the workspace lock: takes and frees it over and over, together with other processes that do the same. Now
// and then it "dies" while holding it: it leaves the lock of a process that is no more. Prints how often it held the lock, and every
// moment at which it was not alone. Between two steps on the disk it dawdles, so that every order of steps comes up.
// Arguments: the lock file, how often to hold it, a seed.

import fs, { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { guardWorkspace } from '../../lib/workspace/guard.ts';

const [path = '', times = '1', seed = '0'] = process.argv.slice(2);
const busy = `${path}-busy`;
const dead = { host: hostname(), startTime: 'of-the-dead', command: 'dead' };

const bell = new Int32Array(new SharedArrayBuffer(4));
for (const name of ['linkSync', 'renameSync', 'readFileSync'] as const) {
  const real = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      if (Math.random() < 0.5) Atomics.wait(bell, 0, 0, Math.random() * 3);
      return real(...args);
    },
  });
}
syncBuiltinESMExports();

let held = 0;
let overlaps = 0;
let failures = 0;

async function holdOnce(): Promise<void> {
  const guard = await guardWorkspace({
    path,
    wait: false,
    signal: new AbortController().signal,
    onWait: () => undefined,
    onTakeOver: () => Promise.resolve(),
  });
  if (!guard.ok) {
    if (guard.error.kind !== 'locked') failures++;
    return;
  }
  held++;
  try {
    closeSync(openSync(busy, 'wx'));
  } catch {
    overlaps++;
  }
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  rmSync(busy, { force: true });
  if ((held + Number(seed)) % 3 === 0) guard.value.release();
  else {
    const corpse = `${path}-corpse-${seed}`;
    writeFileSync(
      corpse,
      JSON.stringify({ ...dead, pid: process.pid, command: `${seed}-${held}`, startTime: `${seed}-${held}` }),
    );
    renameSync(corpse, path);
  }
}

while (held < Number(times)) {
  await holdOnce();
  await setImmediate();
}
process.stdout.write(JSON.stringify({ held, overlaps, failures }));
