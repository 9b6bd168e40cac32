import { openCheckpoint } from '../../toolkit/pytorch/checkpoint.ts';
import type { SeenGlobal } from '../../toolkit/pytorch/global-verdict.ts';
import { type ListedTensor, listTensors } from '../../toolkit/pytorch/list-tensors.ts';
import { elementCount } from '../../toolkit/pytorch/tensor.ts';
import { describe } from '../../toolkit/pytorch/value.ts';

export interface InspectedModel {
  readonly file: string;
  readonly format: 'zip' | 'stream' | 'pickle';
  /** What the file holds at its top. */
  readonly holds: string;
  readonly safe: boolean;
  /** Every name that the file would have Python import. */
  readonly globals: readonly SeenGlobal[];
  readonly elements: number;
  readonly tensors: readonly ListedTensor[];
}

/** Looks into a PyTorch checkpoint without executing anything, also into one that could do harm in Python. */
export async function inspectModel(file: string): Promise<InspectedModel> {
  const checkpoint = await openCheckpoint(file, { inspect: true });
  try {
    const { format, root, globals } = checkpoint;
    const tensors = listTensors(root);
    return {
      file,
      format,
      holds: describe(root),
      safe: globals.every(({ verdict }) => verdict !== 'dangerous'),
      globals,
      elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      tensors,
    };
  } finally {
    await checkpoint.close();
  }
}

/** The same for people: names that matter first, then every tensor with its shape. */
export function describeModel({ file, format, holds, safe, globals, elements, tensors }: InspectedModel): string {
  const verdict = safe ? 'nothing in it could run code' : 'DANGEROUS: it could run code when Python loads it';
  const names = globals.map(({ module, name, verdict: kind }) => `  ${kind.padEnd(9)} ${module}.${name}`);
  const shapes = tensors.map(({ name, dtype, shape }) => `  ${name} ${dtype} [${shape.join(', ')}]`);
  return [
    `${file}: PyTorch ${format}, ${holds}; ${verdict}.`,
    `Names that it imports: ${globals.length}`,
    ...names,
    `Tensors: ${tensors.length}, ${elements} elements`,
    ...shapes,
  ].join('\n');
}
