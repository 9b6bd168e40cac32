import { shellWord } from '../format.ts';

const EXPORT =
  'export the model to ONNX with its own code: `torch.onnx.export(model.eval(), torch.zeros(1, 3, 512, 512), "model.onnx")`.';

/** For weights without their network. */
export const EXPORT_WEIGHTS = `It holds weights without their network: ${EXPORT}`;
/** For a network whose code is elsewhere. */
export const EXPORT_MODULE = `It holds a network whose code is not in the file: ${EXPORT}`;

/** Remedies by how the name of a kind starts. */
const REMEDIES: readonly (readonly [kind: string, remedy: (path: string) => string])[] = [
  ['a Git LFS pointer', () => 'Run `git lfs pull` in the repository that it comes from.'],
  ['an ONNX file', () => 'It needs no conversion: `predict --model` takes it when its name ends in .onnx.'],
  ['an HTML page', () => 'Download the file again: this is a page about it.'],
  ['an HDF5 file', () => 'Export the model to ONNX with the tools it was made with, such as tf2onnx.'],
  ['gzip data', (path) => `Unpack it: \`gunzip -c ${shellWord(path)} > FILE\`.`],
  ['a tar archive', (path) => `Unpack it: \`tar -xf ${shellWord(path)}\`.`],
  ['xz data', (path) => `Unpack it: \`xz -dc ${shellWord(path)} > FILE\`.`],
  ['an empty file', () => 'Download the file again.'],
];

/** Returns what helps with a file that is not a model, by its kind; undefined if there is no known remedy. */
export function remedyOfKind(kind: string, path: string): string | undefined {
  return REMEDIES.find(([start]) => kind.startsWith(start))?.[1](path);
}
