import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries } from '../../files/atomic-write.ts';
import { statIfThere } from '../../files/file-access.ts';
import { makeFolder } from '../../files/folders.ts';
import { sha256Of } from '../../files/hash-file.ts';
import {
  digestFileOf,
  isAsWritten,
  readModel,
  recordDigest,
  type WrittenModel,
  writeModel,
} from '../../onnx/file/model-file.ts';
import {
  ANY_LENGTH,
  ELEMENT_TYPES,
  GraphBuilder,
  int,
  type OnnxGraph,
  subgraph,
  type Value,
} from '../../onnx/graph/graph.ts';
import { withNormsByRows } from '../../onnx/graph/normalisation.ts';
import { add, concat, floats, integers, multiply, reshape, transpose } from '../../onnx/graph/operators.ts';
import type { Precision, Provider } from '../../onnx/session/engine-choice.ts';
import { type Decision, type ModelCard, maskedChannels, methodOf, mirrorAxesOf } from '../model-card.ts';
import { mirrorings } from '../networks/ort-fold-networks.ts';
import { gaussianWeights, halfGaussianWeights } from '../sliding-window/tile-grid.ts';
import { decisionNodes } from './decision-nodes.ts';
import { castTo, type EnsembleNodes, int32s, meanOfFolds } from './mean-of-folds.ts';

/**
 * Maximum number of tiles along one axis that cover a pixel. With four or more tiles, three steps are longer than a
 * tile; shorter steps occur only with at most three tiles, see `tileStarts`.
 */
export const COVERING = 3;
/** Number of values of a byte. */
const BYTES = 256;

export interface RowsGraphOptions extends EnsembleNodes {
  /** Channels of the image that the networks take. A single one is the first of three. */
  readonly channels: number;
  /** Outputs per pixel. */
  readonly outputs: number;
  readonly decision: Decision;
  /** Whether each channel is 0 where the image is black. */
  readonly masked: readonly boolean[];
  /** Tiles per pass through the networks. */
  readonly batch: number;
  /** Importance map: patch.height x patch.width float32. */
  readonly weights: Float32Array;
}

/**
 * Builds the graph that turns tile rows into labels and confidences. Everything between the bytes of the tiles and the
 * labels stays on the device. The sums of a pixel are added in the order of the tiles, columns within a row first.
 *
 * Inputs: `tiles` uint8 [batches, batch, height, width, bytes per pixel]; `inside` uint8, the same without the last axis,
 * or [batches, 1, 1, 1]: 0 outside the image, and where masked channels are 0, else 1; or, if only some channels are
 * masked, 0 outside the image, 1 where they are 0, else 2; `tables` float32 [channels, 256], the network input for each byte; `order` int32, the tile at
 * each position of the grid; `grid` and `joined` int64, the shapes [rows, columns, outputs + 1, height, width] and
 * [outputs + 1, rows * height, columns * width]; `across` int32 and `isAcross` float32 [3, padded width], `down` and
 * `isDown` [4, height], the sources of the sum of a pixel, carried-over rows first; `carried` float32 [outputs + 1, rows,
 * padded width]; `finished` int64 [1], the number of finished rows.
 * Outputs: `labels` uint8 and `margins` uint16 [finished, padded width]; `carry` float32.
 */
export function rowsGraph(options: RowsGraphOptions): OnnxGraph {
  const { batch, channels, outputs, patch, decision } = options;
  const [height, width] = patch;
  const graph = new GraphBuilder('rows');
  const tiles = graph.input('tiles', 'uint8', [ANY_LENGTH, batch, height, width, bytesOf(options)]);
  const inside = graph.input('inside', 'uint8', [ANY_LENGTH, ANY_LENGTH, ANY_LENGTH, ANY_LENGTH]);
  graph.input('tables', 'float32', [channels, BYTES]);
  const order = graph.input('order', 'int32', [ANY_LENGTH]);
  const grid = graph.input('grid', 'int64', [5]);
  const joined = graph.input('joined', 'int64', [3]);
  const across = graph.input('across', 'int32', [COVERING, ANY_LENGTH]);
  const isAcross = graph.input('isAcross', 'float32', [COVERING, ANY_LENGTH]);
  const down = graph.input('down', 'int32', [COVERING + 1, ANY_LENGTH]);
  const isDown = graph.input('isDown', 'float32', [COVERING + 1, ANY_LENGTH]);
  const carried = graph.input('carried', 'float32', [outputs + 1, ANY_LENGTH, ANY_LENGTH]);
  const finished = graph.input('finished', 'int64', [1]);

  const scores = graph.node('scores', 'Scan', [tiles, inside], {
    body: subgraph(batchGraph(graph, options)),
    num_scan_inputs: int(2),
  });
  const flat = reshape(graph, 'flat', scores, [-1, outputs + 1, height, width]);
  const placed = graph.node('placed', 'Gather', [flat, order], { axis: int(0) });
  const rows = graph.node('rows', 'Reshape', [placed, grid]);
  const planes = graph.node('planes', 'Reshape', [transpose(graph, 'planesFirst', rows, [2, 0, 3, 1, 4]), joined]);
  const bands = gathered(graph, 'across', planes, 2, COVERING, across, isAcross, [1, 1, -1]);
  const sources = concat(graph, 'sources', [carried, bands], 1);
  const sums = gathered(graph, 'down', sources, 1, COVERING + 1, down, isDown, [1, -1, 1]);
  const zero = integers(graph, 'zero', [0]);
  const one = integers(graph, 'one', [1]);
  const done = graph.node('done', 'Slice', [sums, zero, finished, one]);
  const carry = graph.node('carry', 'Slice', [sums, finished, integers(graph, 'end', [2 ** 31 - 1]), one]);
  const { labels, confidences } = decisionNodes(graph, done, outputs, decision);
  graph.output(labels, 'uint8', [ANY_LENGTH, ANY_LENGTH]);
  graph.output(confidences, 'uint16', [ANY_LENGTH, ANY_LENGTH]);
  graph.output(carry, 'float32', [outputs + 1, ANY_LENGTH, ANY_LENGTH]);
  return graph.build();
}

/** Returns the bytes per pixel; grey is stored in three. */
function bytesOf({ channels }: RowsGraphOptions): number {
  return channels === 1 ? 3 : channels;
}

/** Builds the graph of a batch: bytes to weighted outputs [batch, outputs + 1, height, width], with the importance map last. */
function batchGraph(outer: GraphBuilder, options: RowsGraphOptions): OnnxGraph {
  const { batch, outputs, patch } = options;
  const [height, width] = patch;
  const body = new GraphBuilder('batch');
  const tile = body.input('tile', 'uint8', [batch, height, width, bytesOf(options)]);
  const inside = body.input('tileInside', 'uint8', [ANY_LENGTH, ANY_LENGTH, ANY_LENGTH]);
  const image = normalised(outer, body, tile, inside, options);
  const mean = meanOfFolds({ outer, body }, options, image);
  const channelsFirst = transpose(body, 'meanPlanes', mean, [0, 3, 1, 2]);
  const weights = floats(outer, 'gaussian', [1, 1, height, width], () => options.weights);
  const weighted = multiply(body, 'weighted', channelsFirst, weights);
  const every = floats(outer, 'gaussians', [batch, 1, height, width], () => repeated(options.weights, batch));
  const scores = concat(body, 'weightedAndWeights', [weighted, every], 1);
  body.output(scores, 'float32', [batch, outputs + 1, height, width]);
  return body.build();
}

/** Normalises bytes with the table of each channel, 0 if masked out. Returns [batch, channels, height, width] float32. */
function normalised(
  outer: GraphBuilder,
  body: GraphBuilder,
  tile: Value,
  inside: Value,
  { channels, masked }: RowsGraphOptions,
): Value {
  const indices = castTo(body, 'tileIndices', tile, ELEMENT_TYPES.int32);
  const kept =
    channels > 1
      ? indices
      : body.node('tileChannels', 'Gather', [indices, int32s(outer, 'kept', [0])], { axis: int(3) });
  const starts = int32s(
    outer,
    'tableStarts',
    Array.from({ length: channels }, (_, channel) => channel * BYTES),
  );
  const places = add(body, 'tilePlaces', kept, starts);
  const table = reshape(outer, 'tableFlat', { name: 'tables' }, [-1]);
  const values = body.node('tileValues', 'Gather', [table, places], { axis: int(0) });
  const planes = transpose(body, 'tilePlanes', values, [0, 3, 1, 2]);
  const mask = castTo(body, 'tileMask', inside, ELEMENT_TYPES.float32);
  const last = body.node('tileMaskPlane', 'Unsqueeze', [mask, integers(outer, 'channelAxis', [1])]);
  if (new Set(masked).size < 2) return multiply(body, 'tileImage', planes, last);
  const above = floats(outer, 'masked', [1, channels, 1, 1], () => Float32Array.from(masked, Number));
  const counts = castTo(body, 'tileCounts', body.node('tileAbove', 'Greater', [last, above]), ELEMENT_TYPES.float32);
  return multiply(body, 'tileImage', planes, counts);
}

/** Adds up to `count` sources for each position along an axis. */
function gathered(
  graph: GraphBuilder,
  name: string,
  x: Value,
  axis: number,
  count: number,
  places: Value,
  isThere: Value,
  shape: readonly number[],
): Value {
  let sum: Value | undefined;
  for (let k = 0; k < count; k++) {
    const index = int32s(graph, `${name}.number${k}`, [k]);
    const pick = (part: string, from: Value) =>
      graph.node(`${name}.${part}${k}`, 'Gather', [from, index], { axis: int(0) });
    const indices = reshape(graph, `${name}.indices${k}`, pick('places', places), [-1]);
    const factor = reshape(graph, `${name}.factor${k}`, pick('isThere', isThere), shape);
    const values = graph.node(`${name}.values${k}`, 'Gather', [x, indices], { axis: int(axis) });
    const counted = multiply(graph, `${name}.counted${k}`, values, factor);
    sum = sum === undefined ? counted : add(graph, `${name}.sum${k}`, sum, counted);
  }
  if (sum === undefined) throw new RangeError('Expected at least one source');
  return sum;
}

function repeated(values: Float32Array, times: number): Float32Array {
  const all = new Float32Array(values.length * times);
  for (let k = 0; k < times; k++) all.set(values, k * values.length);
  return all;
}

/** Subfolder of the model for graphs derived from it. */
const FOLDER = 'fast';
/** Raised when graphs are built differently. */
const SCHEMA = 2;
const NAME = /^rows-[0-9a-f]{16}\.onnx$/;
/** Graphs that are kept per model, each of hundreds of megabytes; several, because other processes may use another one. */
const KEPT_GRAPHS = 3;

/** What a graph is built for. */
export interface GraphPurpose {
  readonly provider: Provider;
  readonly precision: Precision;
  /** Tiles per pass through the networks. */
  readonly batch: number;
}

/**
 * Returns the file with the graph of a model for a batch size and a precision. It is written when it is first needed,
 * and again if it is damaged. Of the other graphs, the newest two are kept.
 *
 * @param folder - Folder of the converted model.
 * @throws ReigniteError MODEL_UNREADABLE, ENGINE_UNSUPPORTED, NO_SPACE, NOT_WRITABLE.
 */
export async function graphFile(folder: string, card: ModelCard, purpose: GraphPurpose): Promise<string> {
  const { batch, precision } = purpose;
  const parts = [SCHEMA, card.digest, card.folds.map(({ sha256 }) => sha256), batch, precision];
  const key = sha256Of([...parts, ...(hasNormsByRows(card, purpose) ? ['norms by rows'] : [])].join('\n'));
  const parent = join(folder, FOLDER);
  const path = join(parent, `rows-${key.slice(0, 16)}.onnx`);
  if (await isAsWritten(path)) return path;
  await makeFolder(parent);
  await sweepTemporaries(parent);
  const { sha256 } = await writeGraph(path, folder, card, purpose);
  await recordDigest(path, sha256);
  await removeOldest(parent, path);
  return path;
}

/**
 * Whether instance normalisation is computed row by row, as the exact engine does on CPUs. On GPUs, ONNX Runtime adds up
 * the pixels in parallel, and one operator takes less time.
 */
function hasNormsByRows({ normSums }: ModelCard, { provider, precision, batch }: GraphPurpose): boolean {
  return normSums === 'rows' && provider === 'cpu' && precision === 'float32' && batch === 1;
}

async function removeOldest(parent: string, current: string): Promise<void> {
  const others = (await readdir(parent)).filter((name) => NAME.test(name)).map((name) => join(parent, name));
  const aged: { readonly path: string; readonly writtenAt: number }[] = [];
  for (const path of others.filter((other) => other !== current)) {
    aged.push({ path, writtenAt: (await statIfThere(path))?.mtimeMs ?? 0 });
  }
  aged.sort((one, other) => other.writtenAt - one.writtenAt);
  for (const { path } of aged.slice(KEPT_GRAPHS - 1)) {
    await rm(digestFileOf(path), { force: true });
    await rm(path, { force: true });
  }
}

async function writeGraph(path: string, folder: string, card: ModelCard, purpose: GraphPurpose): Promise<WrittenModel> {
  const { batch, precision } = purpose;
  const networks = card.folds.map(({ file }) => readModel(join(folder, file)));
  const method = methodOf(card);
  const [height, width] = card.patch;
  const graph = rowsGraph({
    folds: hasNormsByRows(card, purpose) ? networks.map(withNormsByRows) : networks,
    patch: card.patch,
    mirrorings: mirrorings(mirrorAxesOf(card)),
    precision,
    channels: method.normalisation.length,
    masked: maskedChannels(method.normalisation),
    outputs: card.classes,
    decision: method.decision,
    batch,
    weights: method.window === 'v2' ? halfGaussianWeights(height, width) : gaussianWeights(height, width),
  });
  try {
    return await writeModel(path, graph);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ReigniteError(
      'ENGINE_UNSUPPORTED',
      `The networks in ${folder} do not fit into one file: ${cause.message}.`,
      {
        cause,
        remedy:
          'Use `--set inference.engine=exact` or `predict --engine exact`; or inference.precision=float16, if it is float32.',
      },
    );
  }
}
