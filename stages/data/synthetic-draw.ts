// Draws one image of the synthetic data set: a figure of its class before a background that has nothing to do with it. What varies between images of
// a class is position, size, tilt, shade of the colours, background, clutter, light, occlusion and noise, all from one stream of random numbers.

import type { Random } from '../random/random.ts';
import { imageSide, planeBytes } from './cifar-format.ts';
import { colours } from './synthetic-classes.ts';
import type { SyntheticClass } from './synthetic-classes.ts';
import { outlines, surfaces } from './synthetic-shapes.ts';

// Bound once: a look-up of the global for every pixel is slow where the module runs in a sandbox.
const { floor, max, min } = Math;

type Rgb = readonly [number, number, number];

/** Random in [low, high). */
const between = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

interface Figure {
  readonly centreX: number;
  readonly centreY: number;
  /** Pixels of one unit of the figure's coordinates. */
  readonly scale: number;
  /** Cosine and sine of the tilt. */
  readonly cos: number;
  readonly sin: number;
  readonly first: Rgb;
  readonly second: Rgb;
}

/** The tilt is drawn as the tangent of half the angle, at most ±0.16, which is ±18°: a square stays no diamond. */
function placeFigure(colour: Rgb, random: Random): Figure {
  const scale = between(random, 7.5, 13);
  const slack = 16 - scale * 0.8;
  const tangent = between(random, -0.16, 0.16);
  const shade = between(random, -16, 16);
  const first = colour.map((value) => value + shade + between(random, -14, 14)) as unknown as Rgb;
  const dark = colour[0] * 0.299 + colour[1] * 0.587 + colour[2] * 0.114 < 90;
  // The second colour of a texture: the first one, much darker; of dark colours much lighter.
  const second = first.map((value) => (dark ? value * 0.5 + 128 : value * 0.38)) as unknown as Rgb;
  return {
    centreX: 15.5 + between(random, -slack, slack) * 0.8,
    centreY: 15.5 + between(random, -slack, slack) * 0.8,
    scale,
    cos: (1 - tangent * tangent) / (1 + tangent * tangent),
    sin: (2 * tangent) / (1 + tangent * tangent),
    first,
    second,
  };
}

interface Patch {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly colour: Rgb;
}

function randomColour(random: Random, low: number, high: number): Rgb {
  const grey = between(random, low, high);
  return [grey + between(random, -38, 38), grey + between(random, -38, 38), grey + between(random, -38, 38)];
}

function placePatch(random: Random, smallest: number, largest: number): Patch {
  const left = between(random, -3, 32);
  const top = between(random, -3, 32);
  const right = left + between(random, smallest, largest);
  const bottom = top + between(random, smallest, largest);
  return { left, top, right, bottom, colour: randomColour(random, 20, 235) };
}

interface Scene {
  readonly figure: Figure;
  /** Colour of the background at its middle, and what it gains per pixel to the right and downwards. */
  readonly ground: Rgb;
  readonly slopeX: number;
  readonly slopeY: number;
  readonly clutter: readonly Patch[];
  readonly occluders: readonly Patch[];
  readonly contrast: number;
  readonly light: number;
  readonly noise: number;
}

function placeScene(kind: SyntheticClass, random: Random): Scene {
  const figure = placeFigure(colours[kind.colour], random);
  const patches = (count: number, smallest: number, largest: number): readonly Patch[] =>
    Array.from({ length: count }, () => placePatch(random, smallest, largest));
  return {
    figure,
    ground: randomColour(random, 30, 220),
    slopeX: between(random, -2.2, 2.2),
    slopeY: between(random, -2.2, 2.2),
    clutter: patches(random.integer(5), 2, 9),
    occluders: patches(random.uniform() < 0.35 ? 1 : 0, 4, 10),
    contrast: between(random, 0.7, 1.15),
    light: between(random, -22, 22),
    noise: between(random, 4, 26),
  };
}

const holds = (patch: Patch, x: number, y: number): boolean =>
  x >= patch.left && x < patch.right && y >= patch.top && y < patch.bottom;

/**
 * Draws an image of a class into three planes of `pixels` (red, green, blue, 32×32 bytes each).
 * The random numbers decide all but the class.
 */
export function drawImage(kind: SyntheticClass, random: Random, pixels: Uint8Array): void {
  const scene = placeScene(kind, random);
  const { figure } = scene;
  const outline = outlines[kind.shape];
  const surface = surfaces[kind.texture];
  for (let y = 0; y < imageSide; y++) {
    for (let x = 0; x < imageSide; x++) {
      const back = scene.clutter.find((patch) => holds(patch, x, y))?.colour;
      const slope = back === undefined ? scene.slopeX * (x - 15.5) + scene.slopeY * (y - 15.5) : 0;
      const behind = back ?? scene.ground;
      const front = scene.occluders.find((patch) => holds(patch, x, y))?.colour;
      const dx = (x - figure.centreX) / figure.scale;
      const dy = (y - figure.centreY) / figure.scale;
      const u = figure.cos * dx + figure.sin * dy;
      const v = figure.cos * dy - figure.sin * dx;
      const distance = outline(u, v);
      const cover = min(1, max(0, 0.5 - distance * figure.scale));
      const mix = cover > 0 ? surface(u, v, -distance) : 0;
      const bits = random.next();
      for (let channel = 0; channel < 3; channel++) {
        const drawn = figure.first[channel]! * (1 - mix) + figure.second[channel]! * mix;
        const seen = front?.[channel] ?? drawn * cover + (behind[channel]! + slope) * (1 - cover);
        // Two bytes of the word, summed: triangular noise in (−1, 1), in part shared by the channels.
        const noise = (((bits >>> (8 * channel)) & 255) + (bits >>> 24) - 255) / 255;
        const value = (seen - 128) * scene.contrast + 128 + scene.light + noise * scene.noise;
        pixels[channel * planeBytes + y * imageSide + x] = min(255, max(0, floor(value + 0.5)));
      }
    }
  }
}
