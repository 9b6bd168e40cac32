import { ReigniteError } from '../../errors.ts';
import { type MessageField, ProtobufReader } from './protobuf.ts';

/** An input or an output of a graph. */
export interface DescribedValue {
  readonly name: string;
  /** Number of TensorProto.DataType. */
  readonly elementType: number;
  /** An axis without a fixed length is a string. */
  readonly shape: readonly (number | string)[];
}

/** Inputs, outputs and operators of an ONNX file. */
export interface DescribedModel {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly graph: string;
  readonly inputs: readonly DescribedValue[];
  readonly outputs: readonly DescribedValue[];
  /** Number of nodes of each operator, by name. */
  readonly operators: Readonly<Record<string, number>>;
  /** Elements of all weights. */
  readonly parameters: number;
  /** Files next to the model that contain its weights. */
  readonly externalFiles: readonly string[];
  /** Metadata that its exporter stored, by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Field numbers of onnx.proto. */
const MODEL = { irVersion: 1, producer: 2, graph: 7, opset: 8, metadata: 14 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, operator: 4, domain: 7 } as const;
const TENSOR = { dims: 1, name: 8, externalData: 13 } as const;
const MAX_VALUES = 1_000_000;
const MAX_LENGTH = 2 ** 40;
const MAX_NOTES = 1_000;

/**
 * Reads the structure of an ONNX file. Weights are skipped, and nothing is executed.
 *
 * @throws ReigniteError FILE_MISSING; MODEL_UNREADABLE when it is not an ONNX model.
 * @example
 * const { inputs, outputs, operators } = describeModel('model.onnx');
 */
export function describeModel(path: string): DescribedModel {
  const file = new ProtobufReader(path);
  try {
    return readModel(file);
  } finally {
    file.close();
  }
}

function readModel(file: ProtobufReader): DescribedModel {
  let irVersion = 0;
  let producer = '';
  let graph: MessageField | undefined;
  const opsets: { domain: string; version: number }[] = [];
  const metadata = new Map<string, string>();
  for (const field of file.fields(0, file.length)) {
    if (field.number === MODEL.irVersion) irVersion = field.value;
    else if (field.number === MODEL.producer) producer = file.text(field);
    else if (field.number === MODEL.graph && field.isSpan) graph = field;
    else if (field.number === MODEL.opset && field.isSpan) opsets.push(readOpset(file, field));
    else if (field.number === MODEL.metadata && field.isSpan && metadata.size < MAX_NOTES) {
      const { key, value } = readEntry(file, field);
      metadata.set(key, value);
    }
  }
  if (graph === undefined || irVersion === 0) {
    throw new ReigniteError('MODEL_UNREADABLE', `${file.path} is not an ONNX model: it contains no graph.`, {
      remedy: 'Export or download the model again.',
    });
  }
  return { irVersion, opsets, producer, metadata: Object.fromEntries(metadata), ...readGraph(file, graph) };
}

function readOpset(file: ProtobufReader, { from, to }: MessageField): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  for (const field of file.fields(from, to)) {
    if (field.number === 1 && field.isSpan) opset.domain = file.text(field);
    if (field.number === 2) opset.version = field.value;
  }
  return opset;
}

function readGraph(
  file: ProtobufReader,
  { from, to }: MessageField,
): Omit<DescribedModel, 'irVersion' | 'opsets' | 'producer' | 'metadata'> {
  let graph = '';
  let parameters = 0;
  const inputs: DescribedValue[] = [];
  const outputs: DescribedValue[] = [];
  const operators = new Map<string, number>();
  const externalFiles = new Set<string>();
  const weights = new Set<string>();
  let count = 0;
  for (const field of file.fields(from, to)) {
    if (!field.isSpan) continue;
    count++;
    if (count > MAX_VALUES)
      throw new ReigniteError(
        'MODEL_UNREADABLE',
        `The ONNX graph of ${file.path} has more than ${MAX_VALUES} nodes and tensors.`,
        { remedy: 'Simplify the model or export it again, for example with onnx-simplifier.' },
      );
    if (field.number === GRAPH.name) graph = file.text(field);
    else if (field.number === GRAPH.node) {
      const operator = operatorOf(file, field);
      operators.set(operator, (operators.get(operator) ?? 0) + 1);
    } else if (field.number === GRAPH.initializer) parameters += elementsOf(file, field, externalFiles, weights);
    else if (field.number === GRAPH.input) inputs.push(readValue(file, field));
    else if (field.number === GRAPH.output) outputs.push(readValue(file, field));
  }
  const sorted = [...operators].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    graph,
    // Exporters of early versions list the weights among the inputs.
    inputs: inputs.filter(({ name }) => !weights.has(name)),
    outputs,
    operators: Object.fromEntries(sorted),
    parameters,
    externalFiles: [...externalFiles],
  };
}

function operatorOf(file: ProtobufReader, { from, to }: MessageField): string {
  let operator = '';
  let domain = '';
  for (const field of file.fields(from, to)) {
    if (field.number === NODE.operator && field.isSpan) operator = file.text(field);
    if (field.number === NODE.domain && field.isSpan) domain = file.text(field);
  }
  return domain === '' ? operator : `${domain}.${operator}`;
}

function elementsOf(
  file: ProtobufReader,
  { from, to }: MessageField,
  externalFiles: Set<string>,
  weights: Set<string>,
): number {
  let elements = 1;
  for (const field of file.fields(from, to)) {
    if (field.number === TENSOR.dims) {
      for (const dim of field.isSpan ? file.packed(field) : [field.value]) elements *= dim;
    }
    if (field.number === TENSOR.name && field.isSpan) weights.add(file.text(field));
    if (field.number !== TENSOR.externalData || !field.isSpan) continue;
    const location = locationOf(file, field);
    if (location !== undefined) externalFiles.add(location);
  }
  return elements;
}

function locationOf(file: ProtobufReader, field: MessageField): string | undefined {
  const { key, value } = readEntry(file, field);
  return key === 'location' ? value : undefined;
}

/** Reads a key with its value. */
function readEntry(file: ProtobufReader, { from, to }: MessageField): { readonly key: string; readonly value: string } {
  const entry = { key: '', value: '' };
  for (const field of file.fields(from, to)) {
    if (field.number === 1 && field.isSpan) entry.key = file.text(field);
    if (field.number === 2 && field.isSpan) entry.value = file.text(field);
  }
  return entry;
}

function readValue(file: ProtobufReader, { from, to }: MessageField): DescribedValue {
  const value: { name: string; elementType: number; shape: (number | string)[] } = {
    name: '',
    elementType: 0,
    shape: [],
  };
  for (const field of file.fields(from, to)) {
    if (field.number === 1 && field.isSpan) value.name = file.text(field);
    if (field.number === 2 && field.isSpan) readType(file, field, value);
  }
  return value;
}

function readType(
  file: ProtobufReader,
  { from, to }: MessageField,
  value: { elementType: number; shape: (number | string)[] },
): void {
  for (const tensor of file.fields(from, to)) {
    if (tensor.number !== 1 || !tensor.isSpan) continue;
    for (const field of file.fields(tensor.from, tensor.to)) {
      if (field.number === 1 && !field.isSpan) value.elementType = field.value;
      if (field.number === 2 && field.isSpan) value.shape = readShape(file, field);
    }
  }
}

function readShape(file: ProtobufReader, { from, to }: MessageField): (number | string)[] {
  const shape: (number | string)[] = [];
  for (const dimension of file.fields(from, to)) {
    if (dimension.number !== 1 || !dimension.isSpan) continue;
    let length: number | string = '?';
    for (const field of file.fields(dimension.from, dimension.to)) {
      if (field.number === 1 && !field.isSpan) length = field.value;
      if (field.number === 2 && field.isSpan) length = file.text(field);
    }
    // Some exporters write 0 or -1 (here a huge number) for a length that is not fixed.
    shape.push(typeof length === 'number' && (length === 0 || length > MAX_LENGTH) ? '?' : length);
  }
  return shape;
}

/** Operators that only rearrange numbers or change how they are stored. */
const PASSED = new Set([
  'Cast',
  'Identity',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'QuantizeLinear',
  'DequantizeLinear',
]);
/** Limit of how many nodes are traced back. Each step reads the graph once. */
const MAX_STEPS = 8;

/**
 * Finds the operator that computes an output, skipping operators that only rearrange it. `Softmax` or `Sigmoid` show
 * what the numbers are.
 *
 * @param output - Name of the output.
 * @returns Undefined if no node computes it, or if too many operators rearrange it.
 * @throws ReigniteError FILE_MISSING, MODEL_UNREADABLE.
 */
export function finalOperator(path: string, output: string): string | undefined {
  const file = new ProtobufReader(path);
  try {
    let wanted = output;
    for (let step = 0; step < MAX_STEPS; step++) {
      const node = producerOf(file, wanted);
      if (node === undefined || !PASSED.has(node.operator)) return node?.operator;
      wanted = node.input;
    }
    return undefined;
  } finally {
    file.close();
  }
}

interface Node {
  readonly operator: string;
  /** Its first input. */
  readonly input: string;
}

function producerOf(file: ProtobufReader, value: string): Node | undefined {
  for (const graph of file.fields(0, file.length)) {
    if (graph.number !== MODEL.graph || !graph.isSpan) continue;
    for (const field of file.fields(graph.from, graph.to)) {
      const node = field.number === GRAPH.node && field.isSpan ? nodeThatGives(file, field, value) : undefined;
      if (node !== undefined) return node;
    }
  }
  return undefined;
}

function nodeThatGives(file: ProtobufReader, { from, to }: MessageField, value: string): Node | undefined {
  let operator = '';
  let input: string | undefined;
  let isProducer = false;
  for (const field of file.fields(from, to)) {
    if (!field.isSpan) continue;
    if (field.number === NODE.operator) operator = file.text(field);
    if (field.number === NODE.input) input ??= file.text(field);
    if (field.number === NODE.output) isProducer ||= file.text(field) === value;
  }
  return isProducer ? { operator, input: input ?? '' } : undefined;
}
