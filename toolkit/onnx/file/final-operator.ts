import { GRAPH, MODEL, NODE } from './describe-model.ts';
import { type MessageField, ProtobufReader } from './message-file.ts';

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
