import { describe, expect, it } from '@jest/globals';
import { colours, syntheticClasses } from './synthetic-classes.ts';
import { outlines } from './synthetic-shapes.ts';
import { drawRecords, syntheticNames } from './synthetic.ts';
import { startDigest, hexOf } from './digest.ts';

function collect(seed: number, file: 'train' | 'test', count: number): Buffer {
  const chunks: Buffer[] = [];
  for (const chunk of drawRecords(seed, file, count)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('synthetic classes', () => {
  it('are 100, all different, each named by what is drawn', () => {
    expect(new Set(syntheticNames).size).toBe(100);
    expect(syntheticNames).toContain('striped crimson star');
  });

  it('differ in one thing within a superclass of five', () => {
    for (let first = 0; first < 100; first += 5) {
      const five = syntheticClasses.slice(first, first + 5);
      const variety = (['texture', 'colour', 'shape'] as const).map((key) => new Set(five.map((one) => one[key])).size);
      expect(variety.toSorted()).toEqual([1, 1, 5]);
    }
  });
});

describe('drawRecords', () => {
  const size = 3074;

  it('writes records as CIFAR-100 has them, one image of each class in a row', () => {
    const records = collect(1, 'train', 2);
    expect(records.length).toBe(200 * size);
    for (let index = 0; index < 200; index++) {
      expect(records[index * size]).toBe(Math.floor((index % 100) / 5));
      expect(records[index * size + 1]).toBe(index % 100);
    }
  });

  it('gives the same bytes on every machine', async () => {
    const digest = (await startDigest()).update(collect(77, 'train', 1));
    expect(hexOf(digest)).toBe('3348cd042d7cc481');
  });

  it('gives other images for another seed, another file and another number', () => {
    const image = (records: Buffer, index: number): string => records.subarray(index * size + 2, (index + 1) * size).toString('hex');
    const train = collect(1, 'train', 2);
    const images = [image(train, 0), image(train, 100), image(collect(1, 'test', 1), 0), image(collect(2, 'train', 1), 0)];
    expect(new Set(images).size).toBe(4);
    expect(image(collect(1, 'train', 1), 7)).toBe(image(train, 7));
  });

  it('shows the colour of the class', () => {
    // Mean of "plain red circle" minus that of "plain blue hexagon", over images and the middle of each: red is up, blue is down.
    const [red, blue] = ['plain red circle', 'plain blue hexagon'].map((name) => syntheticNames.indexOf(name));
    const records = collect(3, 'train', 10);
    const middle = (label: number, channel: number): number => {
      let sum = 0;
      for (let image = 0; image < 10; image++) sum += records[(image * 100 + label) * size + 2 + channel * 1024 + 16 * 32 + 16]!;
      return sum / 10;
    };
    expect(middle(red!, 0) - middle(blue!, 0)).toBeGreaterThan(60);
    expect(middle(blue!, 2) - middle(red!, 2)).toBeGreaterThan(60);
    expect(Object.values(colours).flat().every((value) => value >= 0 && value <= 255)).toBe(true);
  });
});

describe('outlines', () => {
  it.each(Object.entries(outlines))('%s fits its frame and is not empty', (_, outline) => {
    let inside = 0;
    let furthest = 0;
    for (let y = -1.5; y <= 1.5; y += 0.05) {
      for (let x = -1.5; x <= 1.5; x += 0.05) {
        if (outline(x, y) >= 0) continue;
        inside++;
        furthest = Math.max(furthest, Math.abs(x), Math.abs(y));
      }
    }
    expect(furthest).toBeLessThan(1.2);
    // Of 1600 cells of the square from −1 to 1.
    expect(inside).toBeGreaterThan(300);
  });

  it('tell inside from outside', () => {
    expect(outlines.ring(0, 0)).toBeGreaterThan(0);
    expect(outlines.ring(0.7, 0)).toBeLessThan(0);
    expect(outlines.crescent(-0.7, 0)).toBeLessThan(0);
    expect(outlines.crescent(0.5, 0)).toBeGreaterThan(0);
    expect(outlines.star(0, -0.9)).toBeLessThan(0);
    expect(outlines.star(0, 0.9)).toBeGreaterThan(0);
    expect(outlines.cross(0.6, 0.6)).toBeGreaterThan(0);
    expect(outlines.square(0.6, 0.6)).toBeLessThan(0);
    expect(outlines.diamond(0.6, 0.6)).toBeGreaterThan(0);
    expect(outlines.heart(0, -0.7)).toBeGreaterThan(0);
    expect(outlines.heart(0, 0.5)).toBeLessThan(0);
  });
});
