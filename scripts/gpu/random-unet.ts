import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { CARD_FILE, type ModelCard } from '../../toolkit/nnunet/model-card.ts';
import { writeModel } from '../../toolkit/onnx/file/model-file.ts';
import { elementCount, GraphBuilder, type OnnxGraph, type Value } from '../../toolkit/onnx/graph/graph.ts';
import { concat, conv, convTranspose, leakyRelu, softmax, transpose } from '../../toolkit/onnx/graph/operators.ts';

/**
 * A U-Net with random weights. The paper's halves the size 7 times, from 32 to 480 channels, with 17 classes and tiles
 * of 512 px.
 */
export interface RandomUnet {
  /** Channels at each resolution, full resolution first. */
  readonly features: readonly number[];
  readonly classes: number;
  /** px */
  readonly tile: number;
  readonly folds: number;
}

export const PAPER_SIZE: RandomUnet = {
  features: [32, 64, 128, 256, 480, 480, 480, 480],
  classes: 17,
  tile: 512,
  folds: 5,
};
export const SMALL: RandomUnet = { features: [8, 16, 32], classes: 5, tile: 64, folds: 2 };

/** Writes the networks and their description as a converted model. @returns The folder. */
export async function writeRandomUnet(folder: string, net: RandomUnet): Promise<string> {
  await mkdir(folder, { recursive: true });
  const folds: ModelCard['folds'] = [];
  for (let fold = 0; fold < net.folds; fold++) {
    const file = `fold_${fold}.onnx`;
    const { bytes, sha256 } = await writeModel(join(folder, file), graphOf(net, fold));
    const parameters = Math.round(bytes / Float32Array.BYTES_PER_ELEMENT);
    folds.push({ fold, file, bytes, sha256, sourceSha256: sha256, parameters, parallelPrefix: false, unused: [] });
  }
  const card: ModelCard = {
    kind: 'nnunet-v1-2d',
    converterSchema: 1,
    digest: sha256Of(folds.map(({ sha256 }) => sha256).join()),
    trainer: 'none: random weights',
    patch: [net.tile, net.tile],
    classes: net.classes,
    input: 'image',
    output: 'softmax',
    architecture: {
      features: [...net.features],
      pools: net.features.slice(1).map(() => [2, 2]),
      kernels: net.features.map(() => [3, 3]),
      convPerStage: 2,
    },
    plansSha256: sha256Of(''),
    folds,
  };
  await writeFile(join(folder, CARD_FILE), JSON.stringify(card));
  return folder;
}

function graphOf({ features, classes, tile }: RandomUnet, fold: number): OnnxGraph {
  const graph = new GraphBuilder('random');
  let seed = fold + 1;
  const weights = (name: string, shape: readonly number[], fanIn: number): Value => {
    seed += 1;
    const start = seed;
    return graph.tensor({
      name: `${name}.weight`,
      elementType: 'float32',
      shape,
      read: async () => randomWeights(elementCount(shape), start, Math.sqrt(6 / fanIn)),
    });
  };
  const block = (name: string, x: Value, from: number, to: number, stride: number): Value => {
    const weight = weights(name, [to, from, 3, 3], 9 * from);
    const shape = { kernel: [3, 3], stride: [stride, stride], padding: [1, 1] } as const;
    return leakyRelu(graph, `${name}.relu`, conv(graph, name, x, { weight }, shape), 0.01);
  };
  const image = graph.input('image', 'float32', [1, 3, tile, tile]);
  const skips: Value[] = [];
  let x = image;
  let channels = 3;
  for (const [level, to] of features.entries()) {
    x = block(`down${level}.0`, x, channels, to, level === 0 ? 1 : 2);
    x = block(`down${level}.1`, x, to, to, 1);
    skips.push(x);
    channels = to;
  }
  for (let level = features.length - 2; level >= 0; level--) {
    const to = features[level] ?? 0;
    const skip = skips[level];
    if (skip === undefined) throw new RangeError(`Expected a skip connection of level ${level}`);
    const weight = weights(`up${level}`, [channels, to, 2, 2], channels);
    const up = convTranspose(graph, `up${level}`, x, { weight }, { kernel: [2, 2], stride: [2, 2] });
    x = block(`up${level}.0`, concat(graph, `up${level}.joined`, [up, skip], 1), 2 * to, to, 1);
    x = block(`up${level}.1`, x, to, to, 1);
    channels = to;
  }
  const head = weights('head', [classes, channels, 1, 1], channels);
  const logits = conv(graph, 'logits', x, { weight: head }, { kernel: [1, 1] });
  const result = softmax(graph, 'softmax', transpose(graph, 'nhwc', logits, [0, 2, 3, 1]), 3);
  graph.output(result, 'float32', [1, tile, tile, classes]);
  return graph.build();
}

/** Returns evenly distributed values from -bound to bound, always the same for a seed (linear congruential generator). */
function randomWeights(length: number, seed: number, bound: number): Float32Array {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return bound * (state / 2 ** 31 - 1);
  });
}
