// The 100 classes of the synthetic data set: 20 superclasses of five, each fixing two of texture, colour and shape and varying the third. Some
// superclasses vary far apart (plain red circle … plain red cross), others by little (circle and hexagon, crimson and red), so that classes differ in
// how hard they are. Knows nothing of pixels.

export const shapes = [
  'circle',
  'square',
  'triangle',
  'star',
  'cross',
  'ring',
  'heart',
  'diamond',
  'hexagon',
  'crescent',
] as const;
export type Shape = (typeof shapes)[number];

export const textures = [
  'plain',
  'striped',
  'dotted',
  'checkered',
  'banded',
  'shaded',
  'two-tone',
  'outlined',
] as const;
export type Texture = (typeof textures)[number];

/** Red, green, blue of the clean colour, 0–255. */
export const colours = {
  crimson: [176, 22, 58],
  red: [228, 48, 36],
  orange: [242, 134, 28],
  brown: [134, 82, 42],
  yellow: [240, 214, 44],
  lime: [158, 222, 52],
  green: [40, 148, 62],
  teal: [24, 142, 142],
  cyan: [74, 206, 230],
  blue: [44, 96, 222],
  navy: [28, 42, 118],
  purple: [138, 58, 190],
  pink: [244, 134, 186],
  white: [240, 240, 240],
} as const;
export type Colour = keyof typeof colours;

export interface SyntheticClass {
  readonly texture: Texture;
  readonly colour: Colour;
  readonly shape: Shape;
}

export const classesPerSuperclass = 5;

type Five<T> = readonly [T, T, T, T, T];

const byShape = (texture: Texture, colour: Colour, varied: Five<Shape>): readonly SyntheticClass[] =>
  varied.map((shape) => ({ texture, colour, shape }));
const byColour = (texture: Texture, shape: Shape, varied: Five<Colour>): readonly SyntheticClass[] =>
  varied.map((colour) => ({ texture, colour, shape }));
const byTexture = (colour: Colour, shape: Shape, varied: Five<Texture>): readonly SyntheticClass[] =>
  varied.map((texture) => ({ texture, colour, shape }));

/** In the order of the fine labels; five in a row are a superclass, in the order of the coarse labels. */
export const syntheticClasses: readonly SyntheticClass[] = [
  byShape('plain', 'red', ['circle', 'square', 'triangle', 'star', 'cross']),
  byShape('striped', 'blue', ['circle', 'hexagon', 'square', 'diamond', 'triangle']),
  byShape('dotted', 'yellow', ['ring', 'circle', 'crescent', 'heart', 'star']),
  byShape('checkered', 'green', ['square', 'diamond', 'cross', 'star', 'heart']),
  byShape('outlined', 'purple', ['circle', 'hexagon', 'ring', 'crescent', 'square']),
  byShape('shaded', 'orange', ['triangle', 'heart', 'diamond', 'star', 'hexagon']),
  byShape('two-tone', 'cyan', ['cross', 'star', 'crescent', 'triangle', 'ring']),
  byColour('plain', 'hexagon', ['red', 'yellow', 'green', 'blue', 'white']),
  byColour('striped', 'star', ['crimson', 'red', 'orange', 'brown', 'pink']),
  byColour('dotted', 'square', ['navy', 'blue', 'cyan', 'teal', 'purple']),
  byColour('checkered', 'circle', ['red', 'lime', 'navy', 'pink', 'white']),
  byColour('banded', 'heart', ['yellow', 'orange', 'lime', 'green', 'brown']),
  byColour('shaded', 'ring', ['red', 'teal', 'yellow', 'purple', 'white']),
  byColour('outlined', 'diamond', ['crimson', 'pink', 'purple', 'navy', 'teal']),
  byTexture('white', 'triangle', ['plain', 'striped', 'dotted', 'checkered', 'outlined']),
  byTexture('blue', 'heart', ['plain', 'banded', 'shaded', 'two-tone', 'striped']),
  byTexture('pink', 'cross', ['plain', 'dotted', 'banded', 'outlined', 'checkered']),
  byTexture('lime', 'crescent', ['plain', 'striped', 'shaded', 'two-tone', 'dotted']),
  byTexture('brown', 'square', ['plain', 'checkered', 'banded', 'two-tone', 'outlined']),
  byTexture('teal', 'star', ['plain', 'striped', 'shaded', 'dotted', 'banded']),
].flat();

/** What is drawn, in words: "striped red circle". */
export function nameClass({ texture, colour, shape }: SyntheticClass): string {
  return `${texture} ${colour} ${shape}`;
}
