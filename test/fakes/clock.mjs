// Loaded with --import: a clock that is RIG_CLOCK_DAYS ahead, and on which everything takes RIG_CLOCK_RATE times as long.
import { performance } from 'node:perf_hooks';

const shift = Number(process.env.RIG_CLOCK_DAYS ?? 0) * 86_400_000;
const rate = Number(process.env.RIG_CLOCK_RATE ?? 1);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + shift] : args));
  }
  static now() {
    return RealDate.now() + shift;
  }
};

const realNow = performance.now.bind(performance);
performance.now = () => realNow() * rate;
