// What is known of each backbone: its size, where Keras publishes its ImageNet weights, and how it wants its pixels. Facts only.

import type { Backbone } from '../config/definition.ts';

/**
 * How a family wants pixels 0–255: `rescaled` – x/255, then per channel (x − mean)/√variance with statistics from the weights file (EfficientNet);
 * `symmetric` – x/127.5 − 1; `centred` – blue, green, red, each less its mean over ImageNet (Keras calls it "caffe").
 */
export type Scaling = 'rescaled' | 'symmetric' | 'centred';

export interface BackboneFacts {
  readonly scaling: Scaling;
  /** Numbers in the layers without the top, as Keras counts them: those of batch norm's statistics and of EfficientNet's Normalization included. */
  readonly parameters: number;
  /** Length of `model.layers` in Keras, without the top, with the input, without ImageNet's weights. */
  readonly layers: number;
  /** Side of the images that the ImageNet weights were trained on, in pixels. */
  readonly defaultSize: number;
  /** Name of the layer whose output is the features. */
  readonly lastLayer: string;
  readonly weights: PublishedWeights;
}

/** ImageNet weights without the top, as Keras publishes them. */
export interface PublishedWeights {
  /** Name of the file as the URL ends. */
  readonly file: string;
  readonly url: string;
  /** As Keras publishes it; null where it publishes none (MobileNet): then what is loaded is checked only by the names and shapes of its weights. */
  readonly md5: string | null;
}

/** Smallest height and width of images, in pixels. Keras's own limit for all of these. */
export const smallestSize = 32;

function published(folder: string, file: string, md5: string | null): PublishedWeights {
  return { file, url: `https://storage.googleapis.com/${folder}/${file}`, md5 };
}

const applications = 'tensorflow/keras-applications';

export const catalog: Readonly<Record<Backbone, BackboneFacts>> = {
  EfficientNetB0: {
    scaling: 'rescaled',
    parameters: 4_049_571,
    layers: 237,
    defaultSize: 224,
    lastLayer: 'top_activation',
    weights: published('keras-applications', 'efficientnetb0_notop.h5', '50bc09e76180e00e4465e1a485ddc09d'),
  },
  EfficientNetB1: {
    scaling: 'rescaled',
    parameters: 6_575_239,
    layers: 339,
    defaultSize: 240,
    lastLayer: 'top_activation',
    weights: published('keras-applications', 'efficientnetb1_notop.h5', '74c4e6b3e1f6a1eea24c589628592432'),
  },
  MobileNet: {
    scaling: 'symmetric',
    parameters: 3_228_864,
    layers: 86,
    defaultSize: 224,
    lastLayer: 'conv_pw_13_relu',
    weights: published(`${applications}/mobilenet`, 'mobilenet_1_0_224_tf_no_top.h5', null),
  },
  NASNetMobile: {
    scaling: 'symmetric',
    parameters: 4_269_716,
    layers: 769,
    defaultSize: 224,
    lastLayer: 'activation_187',
    weights: published(`${applications}/nasnet`, 'NASNet-mobile-no-top.h5', '1ed92395b5b598bdda52abe5c0dbfd63'),
  },
  ResNet50: {
    scaling: 'centred',
    parameters: 23_587_712,
    layers: 175,
    defaultSize: 224,
    lastLayer: 'conv5_block3_out',
    weights: published(
      `${applications}/resnet`,
      'resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5',
      '4d473c1dd8becc155b73f8504c6f6626',
    ),
  },
};
