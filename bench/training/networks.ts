// The networks of the training bench, for 32 × 32 colour images and 100 classes. Seeded; their outputs are logits.

import * as tfl from '@tensorflow/tfjs-layers';

export const networkNames = ['plain', 'bn', 'model1', 'model2', 'blocks'] as const;
export type NetworkName = (typeof networkNames)[number];

/**
 * `plain`: twice (two 3 × 3 convolutions, max pooling), then two dense layers: about 25 million multiplications an image forward; `bn` normalises after
 * each convolution. `model1` and `model2` are those of the original system. `blocks` is made of EfficientNet's: 1 × 1 and depthwise convolutions, swish,
 * squeeze and excitation.
 */
export function buildNetwork(name: NetworkName): tfl.LayersModel {
  const stack = new Stack();
  builders[name](stack);
  return stack.model();
}

const builders: Record<NetworkName, (stack: Stack) => void> = {
  plain: (stack) => buildReference(stack, { normalised: false }),
  bn: (stack) => buildReference(stack, { normalised: true }),
  model1: (stack) => {
    stack.convolution(32, { padding: 'valid', activation: 'relu' }).pool();
    stack.convolution(64, { padding: 'valid', activation: 'relu' });
    stack.convolution(128, { padding: 'valid', activation: 'relu' }).pool().flatten();
    stack.dense(128, 'relu').dense(100);
  },
  model2: (stack) => {
    for (const filters of [32, 64, 128]) {
      for (let time = 0; time < 2; time++)
        stack.convolution(filters, { padding: 'same', activation: 'relu' }).normalisation();
      stack.pool();
    }
    stack.flatten().dense(512, 'relu').normalisation().dense(100);
  },
  blocks: (stack) => {
    stack.convolution(32, { padding: 'same', strides: 2, useBias: false }).normalisation().activation('swish');
    stack.invertedBottleneck({ filters: 16, expansion: 1, size: 3, stride: 1 });
    stack.invertedBottleneck({ filters: 24, expansion: 6, size: 3, stride: 2 });
    stack.invertedBottleneck({ filters: 24, expansion: 6, size: 3, stride: 1 });
    stack.invertedBottleneck({ filters: 40, expansion: 6, size: 5, stride: 2 });
    stack.invertedBottleneck({ filters: 40, expansion: 6, size: 5, stride: 1 });
    stack.globalPool().dense(100);
  },
};

function buildReference(stack: Stack, { normalised }: { normalised: boolean }): void {
  for (const filters of [32, 64]) {
    for (let time = 0; time < 2; time++) {
      if (!normalised) stack.convolution(filters, { padding: 'same', activation: 'relu' });
      else stack.convolution(filters, { padding: 'same', useBias: false }).normalisation().activation('relu');
    }
    stack.pool();
  }
  stack.flatten().dense(128, 'relu').dense(100);
}

type ConvOptions = Partial<Parameters<typeof tfl.layers.conv2d>[0]>;

interface Block {
  readonly filters: number;
  readonly expansion: number;
  readonly size: number;
  readonly stride: number;
}

/** A network that grows layer by layer. */
class Stack {
  readonly #input = tfl.input({ shape: [32, 32, 3] });
  #end = this.#input;
  #seed = 0;

  model(): tfl.LayersModel {
    return tfl.model({ inputs: this.#input, outputs: this.#end });
  }

  convolution(filters: number, options: ConvOptions): this {
    return this.#add(tfl.layers.conv2d({ filters, kernelSize: 3, kernelInitializer: this.#initialiser(), ...options }));
  }

  normalisation(): this {
    return this.#add(tfl.layers.batchNormalization());
  }

  activation(activation: 'relu' | 'swish' | 'sigmoid'): this {
    return this.#add(tfl.layers.activation({ activation }));
  }

  pool(): this {
    return this.#add(tfl.layers.maxPooling2d({ poolSize: 2 }));
  }

  globalPool(): this {
    return this.#add(tfl.layers.globalAveragePooling2d({}));
  }

  flatten(): this {
    return this.#add(tfl.layers.flatten());
  }

  dense(units: number, activation: 'relu' | 'linear' = 'linear'): this {
    return this.#add(tfl.layers.dense({ units, activation, kernelInitializer: this.#initialiser() }));
  }

  /** Tan and Le (2019), without stochastic depth. */
  invertedBottleneck({ filters, expansion, size, stride }: Block): this {
    const start = this.#end;
    const inputs = start.shape.at(-1)!;
    const inner = inputs * expansion;
    const point = { kernelSize: 1, padding: 'same', useBias: false } as const;
    if (expansion > 1) this.convolution(inner, point).normalisation().activation('swish');
    const depthwiseInitializer = this.#initialiser();
    const shared = { padding: 'same', useBias: false } as const;
    this.#add(tfl.layers.depthwiseConv2d({ kernelSize: size, strides: stride, depthwiseInitializer, ...shared }));
    this.normalisation().activation('swish');
    this.#excite(inner, Math.max(1, inputs / 4));
    this.convolution(filters, point).normalisation();
    const same = stride === 1 && inputs === filters;
    if (same) this.#end = tfl.layers.add().apply([this.#end, start]) as tfl.SymbolicTensor;
    return this;
  }

  #excite(channels: number, squeezed: number): void {
    const whole = this.#end;
    this.globalPool().#add(tfl.layers.reshape({ targetShape: [1, 1, channels] }));
    this.convolution(squeezed, { kernelSize: 1, activation: 'swish' });
    this.convolution(channels, { kernelSize: 1, activation: 'sigmoid' });
    this.#end = tfl.layers.multiply().apply([whole, this.#end]) as tfl.SymbolicTensor;
  }

  #add(layer: tfl.layers.Layer): this {
    this.#end = layer.apply(this.#end) as tfl.SymbolicTensor;
    return this;
  }

  #initialiser(): ReturnType<typeof tfl.initializers.heNormal> {
    return tfl.initializers.heNormal({ seed: ++this.#seed });
  }
}
