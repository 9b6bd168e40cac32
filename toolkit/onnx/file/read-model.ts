import { open } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import {
  type AttributeValue,
  ELEMENT_ARRAYS,
  ELEMENT_TYPES,
  type Elements,
  type ElementType,
  float,
  type GraphTensor,
  int,
  ints,
  type OnnxGraph,
  text,
} from '../graph/graph.ts';
import { type MessageField, ProtobufReader } from './message-file.ts';
import { decodeMessage, FIELD, type MessageName, openField } from './messages.ts';

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
