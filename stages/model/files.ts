// Models on disk in TensorFlow.js's own layers format (model.json and weights.bin), which `tf.loadLayersModel` reads. The same model gives the
// same bytes: no dates, fixed order, float32. Knows nothing of where the folder comes from.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { RecordedFile } from '../context/context.ts';
import { StageFailure } from '../context/fail.ts';

const topologyFile = 'model.json';
const weightsFile = 'weights.bin';

/** Where the files of a saved model are read from. `read` throws a StageFailure for a file that is not there. */
export interface ModelSource {
  readonly read: (name: string) => Uint8Array;
}

/** Writes `model.json` and `weights.bin` into a folder, which is made if need be. */
export async function saveModel(model: tfl.LayersModel, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await model.save(tf.io.withSaveHandler((artifacts) => Promise.resolve(writeArtifacts(artifacts, folder))));
}

function writeArtifacts(artifacts: tf.io.ModelArtifacts, folder: string): tf.io.SaveResult {
  const weights = artifacts.weightSpecs!;
  const odd = weights.find((spec) => spec.dtype !== 'float32');
  if (odd !== undefined) throw new Error(`weight "${odd.name}" is ${odd.dtype}, not float32`);
  const { format, generatedBy, convertedBy } = artifacts;
  const modelTopology = mendTopology(artifacts.modelTopology as Topology);
  const weightsManifest = [{ paths: [weightsFile], weights }];
  const json = { format, generatedBy, convertedBy, modelTopology, weightsManifest };
  writeFileSync(join(folder, topologyFile), `${JSON.stringify(json, undefined, 1)}\n`);
  writeFileSync(join(folder, weightsFile), new Uint8Array(tf.io.CompositeArrayBuffer.join(artifacts.weightData)));
  // TensorFlow.js asks for a date; it goes nowhere.
  return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
}

interface Topology {
  readonly config: { readonly layers: readonly { readonly class_name: string; readonly config: object }[] };
}

/**
 * TensorFlow.js 4.22 writes the regulariser of a DepthwiseConv2D a second time, as its constraint, and then cannot load the layer. Such layers have no
 * constraint here.
 */
function mendTopology(topology: Topology): Topology {
  const layers = topology.config.layers.map((layer) =>
    layer.class_name === 'DepthwiseConv2D'
      ? { ...layer, config: { ...layer.config, depthwise_constraint: null } }
      : layer,
  );
  return { ...topology, config: { ...topology.config, layers } };
}

/** Loads a model that saveModel wrote. Throws a StageFailure for files that are missing or damaged. */
export async function loadModel(source: ModelSource): Promise<tfl.LayersModel> {
  const json = parseTopology(source.read(topologyFile));
  const bytes = source.read(weightsFile);
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  const expected = 4 * weightSpecs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (bytes.byteLength !== expected)
    throw new StageFailure(
      `${weightsFile} has ${bytes.byteLength} bytes where ${topologyFile} wants ${expected}: the model is damaged; delete it and run again`,
    );
  // A copy: small files share the buffer that they come in.
  const weightData = new Uint8Array(bytes).buffer;
  const { modelTopology } = json;
  return tfl.loadLayersModel({ load: () => Promise.resolve({ modelTopology, weightSpecs, weightData }) });
}

function parseTopology(bytes: Uint8Array): tf.io.ModelJSON {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as tf.io.ModelJSON;
  } catch (error) {
    throw new StageFailure(
      `${topologyFile} is damaged (${error instanceof Error ? error.message : String(error)}); delete the model and run again`,
    );
  }
}

/** The files of a folder. */
export function folderSource(folder: string): ModelSource {
  return {
    read: (name) => readOrFail(join(folder, name), `there is no ${name} in ${folder}: run the train stage again`),
  };
}

/** The files of a recorded out of an earlier run. */
export function recordedSource(files: readonly RecordedFile[]): ModelSource {
  return {
    read: (name) => {
      const gone = `${name} of this model is no longer in the cache (\`dagrun gc\` may have removed it)`;
      const file = files.find(({ path }) => path === name);
      if (file === undefined) throw new StageFailure(gone);
      return readOrFail(file.object, gone);
    },
  };
}

function readOrFail(file: string, message: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new StageFailure(message);
    throw error;
  }
}
