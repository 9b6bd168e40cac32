import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../../../../toolkit/files/hash-file.ts';
import type { ModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { writeModel } from '../../../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../../../toolkit/onnx/graph/graph.ts';
import { conv, softmax, transpose } from '../../../../toolkit/onnx/graph/operators.ts';

const CLASSES = 5;
const FOLDS = 3;

/** Writes a converted model of one 3 x 3 convolution per fold: real ONNX files, small enough for every test. */
export async function writeTinyModel(folder: string, patch: readonly [number, number]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const folds: ModelCard['folds'] = [];
  for (let fold = 0; fold < FOLDS; fold++) {
    const file = `fold_${fold}.onnx`;
    const { bytes, sha256 } = await writeModel(join(folder, file), graphOf(fold, patch));
    folds.push({
      fold,
      file,
      bytes,
      sha256,
      sourceSha256: sha256,
      parameters: CLASSES * 27,
      parallelPrefix: false,
      unused: [],
    });
  }
  const card: ModelCard = {
    kind: 'nnunet-v1-2d',
    converterSchema: 1,
    digest: sha256Of(folds.map(({ sha256 }) => sha256).join()),
    trainer: 'none',
    patch: [patch[0], patch[1]],
    classes: CLASSES,
    input: 'image',
    output: 'softmax',
    architecture: { features: [CLASSES], pools: [], kernels: [[3, 3]], convPerStage: 1 },
    plansSha256: sha256Of(''),
    folds,
  };
  await writeFile(join(folder, 'model.json'), JSON.stringify(card));
  return folder;
}

function graphOf(fold: number, [height, width]: readonly [number, number]) {
  const graph = new GraphBuilder('tiny');
  const image = graph.input('image', 'float32', [1, 3, height, width]);
  const values = Float32Array.from({ length: CLASSES * 27 }, (_, at) => 4 * Math.sin(at * 1.7 + fold * 5.1));
  const weight = graph.tensor({
    name: 'weight',
    elementType: 'float32',
    shape: [CLASSES, 3, 3, 3],
    read: async () => values,
  });
  const logits = conv(graph, 'logits', image, { weight }, { kernel: [3, 3], padding: [1, 1] });
  const result = softmax(graph, 'softmax', transpose(graph, 'nhwc', logits, [0, 2, 3, 1]), 3);
  graph.output(result, 'float32', [1, height, width, CLASSES]);
  return graph.build();
}
