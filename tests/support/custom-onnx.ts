import { writeFile } from 'node:fs/promises';
import { writeModel } from '../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../toolkit/onnx/graph/graph.ts';
import { conv, softmax, transpose } from '../../toolkit/onnx/graph/operators.ts';

const SIDE = 32;
/** Weights on RGB in 0..1. */
const WEIGHTS = (labels: number) => Float32Array.from({ length: labels * 27 }, (_, at) => 3 * Math.sin(at * 1.7));

/** An ONNX file of one convolution, as a third party might export it, with its model JSON next to it. */
export async function writeOwnSegmentation(
  path: string,
  sidecar: object,
  kind: 'logits, BGR 0..255' | 'probabilities, NHWC out',
  labels = 3,
): Promise<void> {
  const graph = new GraphBuilder('own');
  const image = graph.input('pixels', 'float32', [1, 3, SIDE, SIDE]);
  const isBytes = kind === 'logits, BGR 0..255';
  const values = WEIGHTS(labels);
  const read = async () => (isBytes ? values.map((_, at) => (values[swapped(at)] ?? 0) / 255) : values);
  const weight = graph.tensor({ name: 'w', elementType: 'float32', shape: [labels, 3, 3, 3], read });
  const logits = conv(graph, 'logits', image, { weight }, { kernel: [3, 3], padding: [1, 1] });
  if (isBytes) graph.output(logits, 'float32', [1, labels, SIDE, SIDE]);
  else {
    const result = softmax(graph, 'softmax', transpose(graph, 'nhwc', logits, [0, 2, 3, 1]), 3);
    graph.output(result, 'float32', [1, SIDE, SIDE, labels]);
  }
  await writeModel(path, graph.build());
  await writeFile(path.replace('.onnx', '.json'), JSON.stringify(sidecar));
}

/** Returns the index of the same weight with the colour order reversed. */
function swapped(at: number): number {
  const [output, channel, place] = [Math.floor(at / 27), Math.floor(at / 9) % 3, at % 9];
  return output * 27 + (2 - channel) * 9 + place;
}
