// Loaded with --import: moves the clock of the program under test by RIG_CLOCK_DAYS.
const shift = Number(process.env.RIG_CLOCK_DAYS) * 86_400_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + shift] : args));
  }
  static now() {
    return RealDate.now() + shift;
  }
};
