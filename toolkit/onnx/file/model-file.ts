import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { replaceFile, writeFileAtomic } from '../../files/atomic-write.ts';
import { isFile, readTextIfThere } from '../../files/file-access.ts';
import { sha256OfFile } from '../../files/hash-file.ts';
import {
  ANY_LENGTH,
  type AttributeValue,
  ELEMENT_ARRAYS,
  ELEMENT_TYPES,
  type Elements,
  type ElementType,
  elementCount,
  float,
  type GraphTensor,
  int,
  ints,
  type OnnxGraph,
  text,
  type ValueInfo,
} from '../graph/graph.ts';
import {
  decodeMessage,
  encodeMessage,
  FIELD,
  type MessageField,
  type MessageName,
  openField,
  ProtobufReader,
} from './protobuf.ts';

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

const Attribute = z.object({
  name: z.string(),
  type: z.number(),
  i: z.number().optional(),
  f: z.number().optional(),
  s: z.instanceof(Uint8Array).optional(),
  ints: z.array(z.number()).default([]),
});

const Node = z.object({
  name: z.string(),
  opType: z.string(),
  input: z.array(z.string()),
  output: z.array(z.string()),
  attribute: z.array(Attribute),
});

const Info = z.object({
  name: z.string(),
  type: z.object({
    tensorType: z.object({
      elemType: z.number(),
      shape: z.object({ dim: z.array(z.object({ dimValue: z.number() })) }),
    }),
  }),
});

const Tensor = z.object({ name: z.string(), dims: z.array(z.number()), dataType: z.number() });

/** Field numbers of onnx.proto. */
const GRAPH = { node: 1, name: 2, input: 11, output: 12 } as const;

/**
 * Reads the graph of an ONNX file that `writeModel` wrote. Weights are read from the file on demand.
 *
 * @throws ReigniteError FILE_MISSING; MODEL_UNREADABLE when it is not an ONNX model, or has parts that `writeModel`
 *   does not write.
 * @example
 * const { nodes } = readModel('model.onnx');
 */
export function readModel(path: string): OnnxGraph {
  const file = new ProtobufReader(path);
  try {
    const graph = [...file.fields(0, file.length)].find(({ number }) => number === FIELD.modelGraph);
    if (graph === undefined) throw unreadable(path, 'it contains no graph');
    return readGraph(file, graph);
  } catch (error) {
    if (error instanceof ReigniteError) throw error;
    throw unreadable(path, 'it has unsupported parts', error);
  } finally {
    file.close();
  }
}

function readGraph(file: ProtobufReader, { from, to }: MessageField): OnnxGraph {
  const fields = [...file.fields(from, to)];
  const of = <Message>(number: number, name: MessageName, schema: z.ZodType<Message>) =>
    fields
      .filter((field) => field.number === number)
      .map((field) => schema.parse(decodeMessage(name, file.bytes(field))));
  const name = fields.find(({ number }) => number === GRAPH.name);
  return {
    name: name === undefined ? '' : file.text(name),
    nodes: of(GRAPH.node, 'NodeProto', Node).map(({ opType, input, output, attribute, ...node }) => ({
      ...node,
      operator: opType,
      inputs: input,
      outputs: output,
      attributes: attribute.map((each) => ({ name: each.name, value: attributeValue(each) })),
    })),
    tensors: fields.filter(({ number }) => number === FIELD.graphInitializer).map((field) => readTensor(file, field)),
    inputs: of(GRAPH.input, 'ValueInfoProto', Info).map(valueInfo),
    outputs: of(GRAPH.output, 'ValueInfoProto', Info).map(valueInfo),
  };
}

/** The numbers are those of AttributeProto.AttributeType. */
function attributeValue({ type, i = 0, f = 0, s, ints: several }: z.infer<typeof Attribute>): AttributeValue {
  if (type === 2) return int(i);
  if (type === 7) return ints(several);
  if (type === 1) return float(f);
  if (type === 3) return text(Buffer.from(s ?? []).toString());
  throw new RangeError(`Expected an attribute of type 1, 2, 3 or 7, got ${type}`);
}

function valueInfo({ name, type: { tensorType } }: z.infer<typeof Info>) {
  const shape = tensorType.shape.dim.map(({ dimValue }) => dimValue);
  return { name, elementType: elementType(tensorType.elemType), shape };
}

function readTensor(file: ProtobufReader, { from, to }: MessageField): GraphTensor {
  const raw = [...file.fields(from, to)].at(-1);
  if (raw?.number !== FIELD.tensorRawData) throw new RangeError('Expected a tensor that ends with its raw data');
  const { path } = file;
  const opening = openField(FIELD.tensorRawData, raw.to - raw.from).byteLength;
  const description = file.bytes({ from, to: raw.from - opening });
  const { name, dims, dataType } = Tensor.parse(decodeMessage('TensorProto', description));
  const type = elementType(dataType);
  return { name, elementType: type, shape: dims, read: () => readElements(path, raw, type) };
}

function elementType(number: number): ElementType {
  if (number === ELEMENT_TYPES.float32) return 'float32';
  if (number === ELEMENT_TYPES.int64) return 'int64';
  throw new RangeError(`Expected float32 or int64 elements, got type ${number}`);
}

async function readElements(path: string, { from, to }: MessageField, type: ElementType): Promise<Elements> {
  const bytes = new Uint8Array(to - from);
  const handle = await open(path, 'r');
  try {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
    if (bytesRead < bytes.length) throw unreadable(path, 'it ends within its weights');
  } finally {
    await handle.close();
  }
  return new ELEMENT_ARRAYS[type](bytes.buffer);
}

function unreadable(path: string, fault: string, cause?: unknown): ReigniteError {
  const remedy = 'Run `npx reignite clean models`, then the same command again: it converts the model again.';
  return new ReigniteError('MODEL_UNREADABLE', `The model ${path} cannot be read: ${fault}.`, { cause, remedy });
}
