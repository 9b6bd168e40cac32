import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rowsGraph } from '../../../../toolkit/nnunet/fast/rows-graph.ts';
import { methodOf, readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { readModel } from '../../../../toolkit/onnx/file/model-file.ts';
import type { Precision } from '../../../../toolkit/onnx/session/engine-choice.ts';
import { useScratch } from '../support/scratch.ts';
import { writeTinyModel } from '../support/tiny-model.ts';

const TILE = 32;
const scratch = useScratch();

async function tinyGraph(precision: Precision) {
  const folder = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  const card = await readModelCard(folder);
  const graph = rowsGraph({
    folds: card.folds.map(({ file }) => readModel(join(folder, file))),
    patch: card.patch,
    mirrorings: [[], [0]],
    precision,
    channels: 3,
    masked: [false, false, false],
    outputs: card.classes,
    decision: methodOf(card).decision,
    batch: 4,
    weights: new Float32Array(TILE * TILE).fill(1),
  });
  const scan = graph.nodes.find(({ operator }) => operator === 'Scan');
  const body = scan?.attributes.flatMap(({ value }) => (value.kind === 'graph' ? value.value : []))[0];
  return { graph, body, folds: card.folds.length };
}

it('has the weights of every fold once, in half precision on request, and sums in float32', async () => {
  for (const precision of ['float32', 'float16'] as const) {
    const { graph, body, folds } = await tinyGraph(precision);
    const weights = graph.tensors.filter(({ name }) => /^fold\d+\./.test(name));
    expect(weights.map(({ elementType }) => elementType)).toEqual(Array.from({ length: folds }, () => precision));
    // Each fold sees each tile twice: as it is and mirrored.
    expect(body?.nodes.filter(({ operator }) => operator === 'Conv')).toHaveLength(2 * folds);
    const softmaxes = body?.nodes.filter(({ operator }) => operator === 'Softmax') ?? [];
    expect(softmaxes).toHaveLength(2 * folds);
    const casts = new Map(body?.nodes.filter(({ operator }) => operator === 'Cast').map((node) => [node.name, node]));
    for (const { inputs } of softmaxes) expect(casts.has(inputs[0] ?? '')).toBe(precision === 'float16');
    expect(graph.outputs.map(({ name, elementType }) => [name, elementType])).toEqual([
      ['labels', 'uint8'],
      ['margins', 'uint16'],
      ['carry', 'float32'],
    ]);
  }
});
