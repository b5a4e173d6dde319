import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { catalog } from '../backbone/catalog.ts';
import { canonicalJson } from './canonical.ts';
import type { BackboneArchitecture, WeightsOrigin } from './definition.ts';
import { backbones } from './definition.ts';
import { readParams } from './params.ts';
import { definitionOf, paramsFaults, readFixture } from './testing.ts';

const one = (options: string, params = '{}', name = 'MobileNet'): string =>
  `model: {m: {params: ${params}, model: {${name}: ${options}}}}`;
const read = (options: string, params = '{}', name = 'MobileNet'): BackboneArchitecture =>
  definitionOf(one(options, params, name)).architecture as BackboneArchitecture;
const originOf = (yaml: string): WeightsOrigin | null => readParams(parse(yaml)).models[0]!.weights;

const sha = `sha256:${'Ab'.repeat(32)}`;

describe('a backbone', () => {
  it.each(backbones)('%s is its number of classes, as in the original: ImageNet weights, all of it trained', (name) => {
    expect(read('100', '{}', name)).toEqual({
      kind: 'backbone',
      name,
      classes: 100,
      weights: { kind: 'imagenet' },
      frozen: 0,
      fineTuning: null,
      inputSize: null,
    });
    expect(canonicalJson(read('{classes: 100}', '{}', name))).toBe(canonicalJson(read('100', '{}', name)));
  });

  it('has all its options', () => {
    const options =
      '{classes: 100, weights: data/raw/own.h5, freeze: true, unfreeze: {after: 2, lr: 0.0001, freeze: 50}, input_size: [96, 64]}';
    expect(read(options, '{epochs: 3}')).toEqual({
      kind: 'backbone',
      name: 'MobileNet',
      classes: 100,
      weights: { kind: 'file', sha256: null },
      frozen: 'all',
      fineTuning: { after: 2, frozen: 50, lr: 0.0001 },
      inputSize: [96, 64],
    });
  });

  it.each([
    ['{classes: 100, freeze: 86}', '{classes: 100, freeze: true}'],
    ['{classes: 100, freeze: 0, unfreeze: null}', '{classes: 100, freeze: false}'],
    ['{classes: 100, input_size: 32}', '100'],
    ['{classes: 100, input_size: [64, 64]}', '{classes: 100, input_size: 64}'],
    ['{classes: 100, input_size: null, checksum: null}', '{classes: 100, weights: imagenet}'],
    ['{classes: 100, weights: data/raw/a.h5}', '{classes: 100, weights: ./data/raw//b.h5}'],
  ])('%s is the same as %s', (a, b) => {
    expect(canonicalJson(read(a))).toBe(canonicalJson(read(b)));
  });
});

describe('where its weights come from', () => {
  it('is the official address with the published checksum, or a mirror', () => {
    const { file, url, md5 } = catalog.EfficientNetB0.weights;
    const official = { kind: 'imagenet', backbone: 'EfficientNetB0', fileName: file, checksum: `md5:${md5}` };
    const yaml = one('100', '{}', 'EfficientNetB0');
    expect(originOf(yaml)).toEqual({ ...official, url });
    expect(originOf(`weights_mirror: http://host/keras/\n${yaml}`)).toEqual({
      ...official,
      url: `http://host/keras/${file}`,
    });
    expect(originOf(one('100'))).toMatchObject({ checksum: null });
    expect(originOf(one(`{classes: 100, checksum: "${sha}"}`))).toMatchObject({ checksum: sha.toLowerCase() });
  });

  it('is a file in data/raw, or nothing', () => {
    expect(originOf(one('{classes: 100, weights: ./data/raw//own.h5}'))).toEqual({
      kind: 'file',
      path: 'data/raw/own.h5',
      checksum: null,
    });
    expect(originOf(one('{classes: 100, weights: null}'))).toBeNull();
  });
});

describe('what is refused', () => {
  const at = 'model.m.model.MobileNet';

  it.each([
    [
      '{classes: 100, weights: imagnet}',
      '.weights: expected imagenet, null (train from scratch), or a file in data/raw such as data/raw/my-weights.h5, got text "imagnet" (did you mean "imagenet"?)',
    ],
    [
      '{classes: 100, weights: own.h5}',
      '.weights: expected imagenet, null (train from scratch), or a file in data/raw such as data/raw/my-weights.h5, got text "own.h5"',
    ],
    ['{classes: 100, weigths: null}', ': unknown key "weigths" (did you mean "weights"?)'],
    ['{weights: null}', ': "classes" is missing'],
    [
      '{classes: 100, freeze: some}',
      '.freeze: expected true, false, or a number of layers from 0 to 100000, got text "some"',
    ],
    [
      '{classes: 100, freeze: true, unfreeze: {after: 1, lr: 0.1, freeze: true}}',
      '.unfreeze.freeze: expected false, or a number of layers: with true nothing would change, got true',
    ],
    ['{classes: 100, freeze: true, unfreeze: {after: 1}}', '.unfreeze: "lr" is missing'],
    ['{classes: 100, checksum: 123}', '.checksum: expected md5: and 32 hexadecimal digits, or sha256: and 64, got 123'],
    ['{classes: 100, input_size: [96]}', '.input_size: expected two numbers, [height, width], got a list of 1'],
    ['many', ': expected the number of classes, from 2 to 65536, or a map with `classes`, got text "many"'],
  ])('%s by the schema', (options, fault) => {
    expect(paramsFaults(one(options))).toEqual([`${at}${fault}`]);
  });

  it.each([
    ['{classes: 100, freeze: 87}', '.freeze: 87 layers, but MobileNet has 86 (write a number up to 86)'],
    [
      '{classes: 100, unfreeze: {after: 1, lr: 0.1}}',
      '.unfreeze: nothing is frozen before (set `freeze: true` beside it, or remove it)',
    ],
    [
      '{classes: 100, freeze: 50, unfreeze: {after: 1, lr: 0.1, freeze: 50}}',
      '.unfreeze.freeze: nothing would be unfrozen (write a number of layers below 50, or false)',
    ],
    [
      '{classes: 100, freeze: true, unfreeze: {after: 20, lr: 0.1}}',
      '.unfreeze.after: fine-tuning after 20 epochs never begins: there are 20 (set it below `epochs`)',
    ],
    [
      '{classes: 100, weights: null, freeze: true}',
      '.freeze: it would keep random weights, as `weights` is null (remove `freeze`, or name `weights`)',
    ],
    [
      `{classes: 100, weights: null, checksum: "${sha}"}`,
      '.checksum: there are no weights that it could be of (remove it, or name `weights`)',
    ],
    [
      '{classes: 100, weights: data/raw/../x.h5}',
      '.weights: "data/raw/../x.h5" leads out of data/raw (put the file into data/raw, where changes are noticed)',
    ],
    [
      '{classes: 100, input_size: 100}',
      '.input_size: 100×100 is no whole multiple of the images, which are 32×32 (write 96, or set `image_size` in the params of this model)',
    ],
    [
      '{classes: 100, input_size: [16, 64]}',
      '.input_size: 16×64 is no whole multiple of the images, which are 32×32 (write [32, 64], or set `image_size` in the params of this model)',
    ],
    ['{classes: 99}', '.classes: 99 classes, but the data has 100 (write 100)'],
  ])('%s', (options, fault) => {
    expect(paramsFaults(one(options))).toEqual([`${at}${fault}`]);
  });

  it('gray images, and small ones unless they are enlarged', () => {
    expect(paramsFaults(one('100', '{grayscale: true}'))).toEqual([
      `${at}: MobileNet takes colour images (set \`grayscale: false\` in the params of this model)`,
    ]);
    expect(paramsFaults(one('100', '{image_size: [32, 31]}'))).toEqual([
      `${at}: MobileNet needs at least 32×32 pixels, but gets 32×31×3 (set \`input_size: [32, 62]\` here, or \`image_size\` in the params of this model)`,
    ]);
    expect(paramsFaults(one('{classes: 100, input_size: 16}', '{image_size: 8}'))).toEqual([
      `${at}.input_size: MobileNet needs at least 32×32 pixels, but gets 16×16 (set \`input_size: 32\` here, or \`image_size\` in the params of this model)`,
    ]);
    expect(paramsFaults(one('{classes: 100, input_size: 64}', '{image_size: 8}'))).toEqual([]);
  });

  it('all of it at once, each in its place', () => {
    const options = '{classes: 7, freeze: 500, unfreeze: {after: 30, lr: 0.1, freeze: 900}, input_size: 33}';
    expect(
      paramsFaults(one(options, '{grayscale: true}')).map((fault) => fault.slice(at.length).split(':')[0]),
    ).toEqual(['', '.input_size', '.freeze', '.unfreeze.freeze', '.unfreeze.freeze', '.unfreeze.after', '.classes']);
  });

  it('a mirror that is no address', () => {
    expect(paramsFaults(`weights_mirror: files\n${one('100')}`)).toEqual([
      'weights_mirror: expected a URL that starts with https:// or http://, such as https://files.example.com/keras, got text "files"',
    ]);
  });
});

it('the original params.yaml has all its three models', () => {
  const { models } = readParams(readFixture('params.yaml'));
  expect(models.map(({ name, weights }) => [name, weights?.kind])).toEqual([
    ['model1', undefined],
    ['model2', undefined],
    ['model3', 'imagenet'],
  ]);
});
