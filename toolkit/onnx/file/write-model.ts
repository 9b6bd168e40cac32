import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { replaceFile, writeFileAtomic } from '../../files/atomic-write.ts';
import { isFile, readTextIfThere } from '../../files/file-access.ts';
import { sha256OfFile } from '../../files/hash-file.ts';
import {
  ANY_LENGTH,
  type AttributeValue,
  ELEMENT_ARRAYS,
  ELEMENT_TYPES,
  elementCount,
  type GraphTensor,
  type OnnxGraph,
  type ValueInfo,
} from '../graph/graph.ts';
import { encodeMessage, FIELD, openField } from './messages.ts';

/** ONNX Runtime has read both since 1.8. Softmax has had its current meaning since opset 13. */
const IR_VERSION = 8;
const OPSET = 13;
/** Maximum size of a protobuf message. For larger models, ONNX needs weights in separate files. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

/** A written ONNX file. */
export interface WrittenModel {
  readonly bytes: number;
  /** Of the file, lower-case hex. */
  readonly sha256: string;
}

/**
 * Writes a graph as an ONNX file (IR version 8, opset 13), one tensor at a time, so that memory is bounded by the
 * largest tensor. Equal graphs give equal bytes.
 *
 * @throws ReigniteError NO_SPACE or NOT_WRITABLE, or what a tensor's `read` throws; `path` is then unchanged.
 * @example const { bytes, sha256 } = await writeModel('model.onnx', graph);
 */
export async function writeModel(path: string, graph: OnnxGraph, signal?: AbortSignal): Promise<WrittenModel> {
  const hash = createHash('sha256');
  let bytes = 0;
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      for await (const chunk of modelChunks(graph)) {
        signal?.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.byteLength;
        await handle.writeFile(chunk);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Encodes a graph as an ONNX model in memory, for small models.
 *
 * @throws RangeError above 2 GiB.
 * @example
 * const bytes = await encodeModel(graph.build());
 */
export async function encodeModel(graph: OnnxGraph): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of modelChunks(graph)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Yields a model message in pieces. protobufjs encodes everything but the weights, whose bytes are passed on as they
 * are read. Their lengths are known beforehand from the shapes.
 */
async function* modelChunks(graph: OnnxGraph): AsyncGenerator<Uint8Array> {
  const head = encodeMessage('ModelProto', {
    irVersion: IR_VERSION,
    producerName: 'reignite',
    opsetImport: [{ domain: '', version: OPSET }],
  });
  const structure = encodeStructure(graph);
  const tensors = graph.tensors.map((tensor) => ({ tensor, opening: openTensor(tensor) }));
  const graphLength = tensors.reduce(
    (length, { tensor, opening }) => length + opening.byteLength + byteLength(tensor),
    structure.byteLength,
  );
  if (graphLength > MESSAGE_LIMIT)
    throw new RangeError(`The graph ${graph.name} needs ${graphLength} bytes: over 2 GiB`);

  yield Buffer.concat([head, openField(FIELD.modelGraph, graphLength), structure]);
  for (const { tensor, opening } of tensors) {
    yield opening;
    yield await rawData(tensor);
  }
}

function encodeStructure(graph: OnnxGraph): Uint8Array {
  return encodeMessage('GraphProto', structureOf(graph));
}

/** Returns the fields of a graph without its weights. */
function structureOf(graph: OnnxGraph): object {
  return {
    name: graph.name,
    node: graph.nodes.map((node) => ({
      name: node.name,
      opType: node.operator,
      input: node.inputs,
      output: node.outputs,
      attribute: node.attributes.map(({ name, value }) => ({ name, ...attributeFields(value) })),
    })),
    input: graph.inputs.map(valueInfoFields),
    output: graph.outputs.map(valueInfoFields),
  };
}

/** Encodes an initializer up to its raw bytes, including the length of the enclosing field. */
function openTensor(tensor: GraphTensor): Uint8Array {
  const description = encodeMessage('TensorProto', {
    dims: tensor.shape,
    dataType: ELEMENT_TYPES[tensor.elementType],
    name: tensor.name,
  });
  const rawBytes = byteLength(tensor);
  const opening = openField(FIELD.tensorRawData, rawBytes);
  const length = description.byteLength + opening.byteLength + rawBytes;
  return Buffer.concat([openField(FIELD.graphInitializer, length), description, opening]);
}

/** Reads the bytes of a tensor. ONNX requires little-endian, which typed arrays are on all supported platforms. */
async function rawData(tensor: GraphTensor): Promise<Uint8Array> {
  const data = await tensor.read();
  if (!(data instanceof ELEMENT_ARRAYS[tensor.elementType]) || data.byteLength !== byteLength(tensor)) {
    const [type] = Object.entries(ELEMENT_ARRAYS).find(([, array]) => data instanceof array) ?? [];
    throw new RangeError(
      `Expected ${elementCount(tensor.shape)} ${tensor.elementType} for ${tensor.name}, got ${data.length} ${type}`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function byteLength(tensor: GraphTensor): number {
  return elementCount(tensor.shape) * ELEMENT_ARRAYS[tensor.elementType].BYTES_PER_ELEMENT;
}

function valueInfoFields({ name, elementType, shape }: ValueInfo): object {
  const dim = shape.map((axis) => (axis === ANY_LENGTH ? {} : { dimValue: axis }));
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[elementType], shape: { dim } } } };
}

/** The type numbers are those of AttributeProto.AttributeType. */
function attributeFields({ kind, value }: AttributeValue): object {
  switch (kind) {
    case 'int':
      return { i: value, type: 2 };
    case 'ints':
      return { ints: value, type: 7 };
    case 'float':
      return { f: value, type: 1 };
    case 'text':
      return { s: Buffer.from(value), type: 3 };
    case 'graph':
      if (value.tensors.length > 0) throw new RangeError(`The inner graph ${value.name} has weights`);
      return { g: structureOf(value), type: 5 };
  }
}

/** Returns the file next to a derived model that contains the SHA-256 of the model. */
export function digestFileOf(path: string): string {
  return `${path}.sha256`;
}

/**
 * Records the SHA-256 of a derived model after it was written.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function recordDigest(path: string, sha256: string): Promise<void> {
  await writeFileAtomic(digestFileOf(path), `${sha256}\n`);
}

/**
 * Returns whether a derived model exists and has the SHA-256 that `recordDigest` recorded.
 *
 * @throws ReigniteError NOT_READABLE.
 */
export async function isAsWritten(path: string): Promise<boolean> {
  const digest = await readTextIfThere(digestFileOf(path));
  return digest !== undefined && (await isFile(path)) && (await sha256OfFile(path)) === digest.trim();
}
