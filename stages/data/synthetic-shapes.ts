// The outlines and surfaces of the synthetic data set. Coordinates are the figure's own: centre at the origin, y downwards, radius about 1.
// Only +, −, ×, ÷, √ and floor are used: these are exactly defined everywhere, so that every machine draws the same bytes.

import type { Shape, Texture } from './synthetic-classes.ts';

// Bound once: a look-up of the global for every pixel is slow where the module runs in a sandbox.
const { abs, floor, max, min, sqrt } = Math;

/** Signed distance to the outline (negative inside); near the outline it is close enough to the true one for smooth edges. */
export type Outline = (x: number, y: number) => number;

/** How much of the second colour there is at a point, in [0, 1]. `depth` is the distance to the outline, positive inside. */
export type Surface = (x: number, y: number, depth: number) => number;

const sin60 = 0.8660254037844386;

/** Half planes given by unit normals, all at one distance from the centre. */
function polygon(distance: number, normals: readonly (readonly [number, number])[]): Outline {
  return (x, y) => {
    let largest = -Infinity;
    for (const [nx, ny] of normals) largest = max(largest, nx * x + ny * y - distance);
    return largest;
  };
}

const hexagon = polygon(0.87, [
  [0, 1],
  [0, -1],
  [sin60, 0.5],
  [sin60, -0.5],
  [-sin60, 0.5],
  [-sin60, -0.5],
]);

const triangle = polygon(0.56, [
  [0, 1],
  [sin60, -0.5],
  [-sin60, -0.5],
]);

const box =
  (halfWidth: number, halfHeight: number): Outline =>
  (x, y) =>
    max(abs(x) - halfWidth, abs(y) - halfHeight);

const beam = box(0.95, 0.32);

const disc = (x: number, y: number, radius: number): number => sqrt(x * x + y * y) - radius;

/** A pentagram: a point lies in it when at most one of the five lines of its edges leaves it outside. */
function star(): Outline {
  const lines = [
    [0, -1],
    [0.9510565162951535, -0.3090169943749474],
    [0.5877852522924731, 0.8090169943749475],
    [-0.5877852522924731, 0.8090169943749475],
    [-0.9510565162951535, -0.3090169943749474],
  ] as const;
  return (x, y) => {
    let largest = -Infinity;
    let second = -Infinity;
    for (const [nx, ny] of lines) {
      const outside = nx * x + ny * y - 0.34;
      if (outside > largest) {
        second = largest;
        largest = outside;
      } else if (outside > second) second = outside;
    }
    return second;
  };
}

/** Two discs over a triangle that touches them. */
function heart(x: number, y: number): number {
  const side = abs(x);
  const lobes = disc(side - 0.45, y + 0.32, 0.5);
  const point = max((side + y) * 0.7071067811865476 - 0.595, -(y + 0.32), side - 0.95);
  return min(lobes, point);
}

export const outlines: Readonly<Record<Shape, Outline>> = {
  circle: (x, y) => disc(x, y, 0.92),
  square: box(0.8, 0.8),
  triangle: (x, y) => triangle(x, y - 0.16),
  star: star(),
  cross: (x, y) => min(beam(x, y), beam(y, x)),
  ring: (x, y) => abs(disc(x, y, 0.7)) - 0.27,
  heart,
  diamond: (x, y) => (abs(x) * 1.35 + abs(y)) * 0.595 - 0.6,
  hexagon,
  crescent: (x, y) => max(disc(x, y, 0.95), -disc(x - 0.45, y, 0.72)),
};

/** 0 in the first half of each period, 1 in the second. */
function alternate(value: number, period: number): 0 | 1 {
  const turns = value / period;
  return turns - floor(turns) < 0.5 ? 0 : 1;
}

const bounded = (value: number): number => min(1, max(0, value));

function dots(x: number, y: number): number {
  const pitch = 0.52;
  const cellX = x / pitch - floor(x / pitch) - 0.5;
  const cellY = y / pitch - floor(y / pitch) - 0.5;
  return cellX * cellX + cellY * cellY < 0.1 ? 1 : 0;
}

export const surfaces: Readonly<Record<Texture, Surface>> = {
  plain: () => 0,
  striped: (x, y) => alternate(x * 0.8 + y * 0.6, 0.46),
  dotted: dots,
  checkered: (x, y) => (alternate(x, 0.84) === alternate(y, 0.84) ? 0 : 1),
  banded: (x, y) => alternate(sqrt(x * x + y * y) + 0.1, 0.5),
  shaded: (_, y) => bounded(y * 0.6 + 0.5),
  'two-tone': (x) => (x < 0 ? 0 : 1),
  outlined: (_x, _y, depth) => (depth < 0.17 ? 1 : 0),
};
