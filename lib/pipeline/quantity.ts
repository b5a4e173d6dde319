// Amounts of memory and of time as people write them.

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Also used in the schema. */
export const sizePattern = '^[0-9]+(\\.[0-9]+)?\\s*([kKmMgGtT]([iI]?[bB])?)?$';
export const durationPattern = '^[0-9]+(\\.[0-9]+)?\\s*[smhd]$';

/** Beyond this the timers of Node.js overflow. */
export const maxTimeout = 24 * 86_400;

/** `512M`, `4G`, `1.5GiB` or a number of bytes; units are powers of 1024. Undefined where it is not such a text. */
export function parseSize(text: string): number | undefined {
  if (!new RegExp(sizePattern).test(text)) return undefined;
  const unit = /[kmgt]/i.exec(text)?.[0].toLowerCase() ?? '';
  const bytes = Math.round(Number.parseFloat(text) * units[unit]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `90s`, `30m`, `2h`, `1d` in seconds. Undefined where it is not such a text. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(durationPattern).test(text)) return undefined;
  return Number.parseFloat(text) * seconds[text.slice(-1)]!;
}
