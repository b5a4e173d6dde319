// Where the names of points go in a scatter plot: beside their point, where they hide neither a point nor another name. Knows no chart library.

/** A point in pixels of the plot, origin at the upper left. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface PlacedLabel extends LabelledPoint {
  /** Where the text is anchored, relative to the point. */
  readonly dx: number;
  readonly dy: number;
  readonly align: 'left' | 'right';
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface PlotSize {
  readonly width: number;
  readonly height: number;
  readonly fontSize: number;
}

/** Half the side of the square that a point itself needs. */
const pointRadius = 7;

/** Places names greedily, the first ones first; a name for which no side is free is left out (the reader still has the tooltip and the table). */
export function placeLabels(points: readonly LabelledPoint[], plot: PlotSize): PlacedLabel[] {
  const taken: Box[] = points.map(({ x, y }) => around(x, y));
  const placed: PlacedLabel[] = [];
  points.forEach((point, own) => {
    for (const side of sides) {
      const box = textBox(point, side, plot.fontSize);
      const outside = box.left < 0 || box.right > plot.width || box.top < 0 || box.bottom > plot.height;
      if (outside || taken.some((other, index) => index !== own && overlap(box, other))) continue;
      taken.push(box);
      placed.push({ ...point, ...side });
      return;
    }
  });
  return placed;
}

type Side = Pick<PlacedLabel, 'dx' | 'dy' | 'align'>;

/** Best first: a front that rises in steps leaves the upper left of its points free. */
const sides: readonly Side[] = [
  { dx: -8, dy: -13, align: 'right' },
  { dx: 8, dy: -13, align: 'left' },
  { dx: 11, dy: 0, align: 'left' },
  { dx: -11, dy: 0, align: 'right' },
  { dx: 8, dy: 14, align: 'left' },
  { dx: -8, dy: 14, align: 'right' },
];

function around(x: number, y: number): Box {
  return { left: x - pointRadius, top: y - pointRadius, right: x + pointRadius, bottom: y + pointRadius };
}

/** A generous guess: no text is measured here, and a wide font takes about 0.62 em a character. */
function textBox({ x, y, text }: LabelledPoint, { dx, dy, align }: Side, fontSize: number): Box {
  const width = text.length * fontSize * 0.62;
  const start = align === 'left' ? x + dx : x + dx - width;
  const middle = y + dy;
  return { left: start, right: start + width, top: middle - fontSize / 2, bottom: middle + fontSize / 2 };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
