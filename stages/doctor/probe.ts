// One engine, in a process of its own: `probe.ts <engine | auto> <seconds>` prints as JSON whether it works, what it is, and how fast.

import { writeSync } from 'node:fs';

import type { EngineChoice } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { drivers, openEngine } from '../engine/open.ts';
import type { Probe } from './examine.ts';
import { measureSpeed } from './speed.ts';

const [choice, seconds] = process.argv.slice(2) as [EngineChoice, string];
writeSync(1, `${JSON.stringify(await examineEngine())}\n`);

async function examineEngine(): Promise<Probe> {
  const outcome = await drivers.find(({ name }) => name === choice)?.start(true);
  if (outcome?.kind === 'refused') return { works: false, reason: outcome.reason };
  try {
    const engine = await openEngine(choice);
    const imagesPerSecond = Number(seconds) > 0 ? await measureSpeed(engine, Number(seconds)) : null;
    engine.close();
    return { works: true, info: engine.info, imagesPerSecond };
  } catch (error) {
    if (error instanceof StageFailure) return { works: false, reason: error.message };
    throw error;
  }
}
