// `npm run doctor`: what this machine has to train with, and how fast each engine that works is. Not a stage: no pipeline runs it. With --json for
// programs; --seconds sets how long each engine is measured (0: not at all).

import { parseArgs } from 'node:util';

import { runStage, StageFailure } from './context/fail.ts';
import { examine } from './doctor/examine.ts';
import { writeReport } from './doctor/report.ts';

await runStage(async () => {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '10' } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 0 && seconds <= 3600))
    throw new StageFailure(`--seconds ${values.seconds}: give a number from 0 to 3600`);
  const onEngine = (name: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`looking at ${name} …\n`);
  };
  const examination = await examine(seconds, onEngine);
  process.stdout.write(values.json ? `${JSON.stringify(examination, undefined, 2)}\n` : writeReport(examination));
});
