// The options of a backbone in words, for the report and the model card.

import type { BackboneArchitecture, Frozen } from './definition.ts';

export interface BackboneWord {
  readonly name: string;
  readonly value: string;
}

export function describeBackbone({ weights, frozen, fineTuning, inputSize }: BackboneArchitecture): BackboneWord[] {
  return [
    { name: 'Starting weights', value: describeWeights(weights) },
    { name: 'Frozen', value: describeFrozen(frozen) },
    {
      name: 'Fine-tuning',
      value:
        fineTuning === null
          ? 'none'
          : `after ${fineTuning.after} ${fineTuning.after === 1 ? 'epoch' : 'epochs'}, learning rate ${fineTuning.lr}, frozen: ${describeFrozen(fineTuning.frozen)}`,
    },
    { name: 'Enlarged in the model', value: inputSize === null ? 'no' : `to ${inputSize.join(' × ')}` },
  ];
}

function describeWeights(weights: BackboneArchitecture['weights']): string {
  if (weights === null) return 'random';
  if (weights.kind === 'imagenet') return 'ImageNet';
  return weights.sha256 === null ? 'of a file' : `of the file with sha256 ${weights.sha256.slice(0, 16)}…`;
}

function describeFrozen(frozen: Frozen): string {
  if (frozen === 'all') return 'the whole backbone';
  return frozen === 0 ? 'nothing' : `the first ${frozen} ${frozen === 1 ? 'layer' : 'layers'} of the backbone`;
}
