import type { DescribedValue } from '../../toolkit/onnx/describe-model.ts';
import type { SeenGlobal } from '../../toolkit/pytorch/global-verdict.ts';
import { treeLines } from '../../toolkit/pytorch/value-tree.ts';
import { printable } from '../output.ts';
import type { InspectedModel } from './inspect-model.ts';

const ORDER = ['dangerous', 'inert', 'known'] as const;

/** What a person reads of a file: the verdict, the names that matter first, then the tree. */
export function describeInspected(model: InspectedModel): string {
  const lines = [headOf(model), ...faultOf(model), ...namesOf(model), ...bodyOf(model)];
  // A hostile file may name things so that a terminal obeys them.
  return lines.map(printable).join('\n');
}

function headOf({ file, format, holds, globals, fault }: InspectedModel): string {
  const isDangerous = globals.some(({ verdict }) => verdict === 'dangerous');
  if (isDangerous) return `${file}: ${holds}. DANGEROUS: it could run code when Python loads it.`;
  if (fault !== undefined) return `${file}: ${holds}.`;
  if (format === 'other') return `${file}: ${holds}; no checkpoint.`;
  const kind = format === 'onnx' ? 'ONNX' : `PyTorch ${format}`;
  return `${file}: ${kind}, ${holds}; nothing in it could run code.`;
}

function faultOf({ fault, globals }: InspectedModel): string[] {
  if (fault === undefined) return [];
  const reason = `${fault.code}: ${fault.cause}`;
  if (globals.length === 0) return [reason];
  return [reason, 'The names before the fault are listed: Python would have imported them by then.'];
}

function namesOf({ globals }: InspectedModel): string[] {
  if (globals.length === 0) return [];
  const sorted = [...globals].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return [`Names that it imports: ${globals.length}`, ...sorted.map(nameLine)];
}

function nameLine({ module, name, verdict, position }: SeenGlobal): string {
  return `  ${verdict.padEnd(9)} ${module}.${name} (byte ${position})`;
}

function bodyOf({ tensors, elements, tree, onnx }: InspectedModel): string[] {
  if (onnx !== undefined) {
    const operators = Object.entries(onnx.operators).map(([operator, count]) => `${operator} ${count}`);
    return [
      `Inputs: ${onnx.inputs.map(valueText).join(', ')}`,
      `Outputs: ${onnx.outputs.map(valueText).join(', ')}`,
      `Operators: ${operators.join(', ')}`,
      `Weights: ${elements} elements`,
    ];
  }
  if (tree === undefined) return [];
  return [`Tensors: ${tensors.length}, ${elements} elements`, ...treeLines(tree)];
}

function valueText({ name, shape }: DescribedValue): string {
  return `${name} [${shape.join(', ')}]`;
}
