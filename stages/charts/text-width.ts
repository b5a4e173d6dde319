// How wide text is, without a canvas and without fonts: close enough to lay out axes and legends, and the same on every machine. The widths are those of
// DejaVu Sans in groups; Verdana is as wide, most other fonts are narrower, so that text is rather given too much room than too little.

/** Em of characters that are much narrower or wider than {@link plainWidth}. */
const groups: readonly (readonly [string, number])[] = [
  ["ijlI.,:;'|! ", 0.32],
  ['frt()[]{}-/\\"` ', 0.41],
  ['JsczkvxyLTFE?_', 0.56],
  ['ABCKPRSVXYZ', 0.69],
  ['DGHNOQUw+=<>~±×÷−', 0.82],
  ['mMW@%&→←↑↓…—', 0.98],
];
const plainWidth = 0.63;
/** From here on (Hangul, CJK, emoji): a full em. */
const wideFrom = 0x1100;
const boldFactor = 1.12;

const widths = new Map(
  groups.flatMap(([characters, em]) => Array.from(characters).map((character) => [character, em])),
);

/** Width in pixels of one line of text. */
export function measureText(
  text: string,
  { fontSize, bold }: { readonly fontSize: number; readonly bold: boolean },
): number {
  let em = 0;
  for (const character of text) em += widths.get(character) ?? (isWide(character) ? 1 : plainWidth);
  return em * fontSize * (bold ? boldFactor : 1);
}

function isWide(character: string): boolean {
  const point = character.codePointAt(0)!;
  return point >= wideFrom && !(point >= 0x2000 && point < 0x2e80);
}
