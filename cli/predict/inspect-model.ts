import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import { shellWord } from '../../toolkit/format.ts';
import { EXPORT_MODULE, EXPORT_WEIGHTS, identifyFile, remedyOfKind } from '../../toolkit/models/identify-file.ts';
import { foldOfFolder } from '../../toolkit/nnunet/convert/model-folds.ts';
import { checkpointFamily } from '../../toolkit/nnunet/convert/state-dict.ts';
import { type DescribedModel, type DescribedValue, describeModel } from '../../toolkit/onnx/file/describe-model.ts';
import { openCheckpoint } from '../../toolkit/pytorch/containers/checkpoint.ts';
import type { SeenGlobal } from '../../toolkit/pytorch/pickle/pickle-context.ts';
import { describe, isPickleObject, type PickleValue } from '../../toolkit/pytorch/pickle/value.ts';
import {
  type ListedTensor,
  listTensors,
  type TreeNode,
  treeLines,
  valueTree,
} from '../../toolkit/pytorch/pickle/value-tree.ts';
import { averageBeside, findStateDict, isPlans, networkOf } from '../../toolkit/pytorch/tensors/state-dict.ts';
import { elementCount } from '../../toolkit/pytorch/tensors/tensor.ts';
import { detectorFamily } from '../../toolkit/yolo/convert/detector-network.ts';
import { printableLine } from '../output.ts';

/** The result of `model inspect` for a file. */
export interface InspectedModel {
  readonly file: string;
  readonly format: 'zip' | 'stream' | 'pickle' | 'safetensors' | 'onnx' | 'other';
  /** The top-level content of the file, or its type. */
  readonly holds: string;
  /** Whether nothing that was found could run code when Python loads the file; false if the file was not read to its end. */
  readonly safe: boolean;
  /** Every name that the file makes Python import, with its position. */
  readonly globals: readonly SeenGlobal[];
  readonly elements: number;
  readonly tensors: readonly ListedTensor[];
  readonly tree?: TreeNode;
  readonly onnx?: DescribedModel;
  /** The command or step to use for such a file. */
  readonly next?: string;
  /** Why the file was not read to its end. Python would still execute everything before the fault. */
  readonly fault?: { readonly code: string; readonly cause: string };
}

const NOTHING = { globals: [], elements: 0, tensors: [] } as const;

/**
 * Inspects a file that is supposed to be a model, without executing anything: a checkpoint, even a broken one or one
 * that could do harm in Python, an ONNX file, or any other file.
 *
 * @throws ReigniteError FILE_MISSING; USAGE for a folder, a named pipe, a device or a socket.
 */
export async function inspectModel(file: string): Promise<InspectedModel> {
  await refuseFolder(file);
  const { form, kind } = await identifyFile(file);
  if (form === 'other') return otherFile(file, kind);
  if (form === 'onnx' || (form === 'unknown' && /\.onnx$/i.test(file))) return inspectOnnx(file);
  const globals: SeenGlobal[] = [];
  try {
    return await inspectCheckpoint(file, globals);
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    const { code, message: cause, remedy } = error;
    const isProgram = cause.includes('TorchScript');
    const zip = isProgram ? 'a TorchScript program' : 'a zip archive that is not a readable checkpoint';
    const unread = form === 'zip' ? zip : 'not a readable checkpoint';
    const holds = globals.length === 0 ? unread : 'a truncated checkpoint';
    const fault = { code, cause };
    return { file, format: 'other', holds, ...NOTHING, safe: false, globals, fault, next: remedy };
  }
}

function otherFile(file: string, holds: string): InspectedModel {
  const next = remedyOfKind(holds, file);
  return { file, format: 'other', holds, safe: true, ...NOTHING, ...(next !== undefined && { next }) };
}

async function refuseFolder(file: string): Promise<void> {
  if ((await statIfThere(file))?.isDirectory() === true) throw await folderError(file);
}

/** Lists the files in a folder of folds that can be inspected. */
async function folderError(folder: string): Promise<ReigniteError> {
  const names = await readdir(folder);
  const folds = names.filter((name) => foldOfFolder(name) !== undefined).sort();
  const version = names.includes('plans.json') ? 'v2 ' : '';
  const holds =
    folds.length === 0 ? 'is a folder' : `is a folder of an nnU-Net ${version}model with ${folds.join(', ')}`;
  const file = version === '' ? 'model_best.model' : 'checkpoint_final.pth';
  return new ReigniteError('USAGE', `${folder} ${holds}.`, {
    remedy: `Name a file in it, such as ${folds[0] ?? 'fold_0'}/${file}.`,
  });
}

function inspectOnnx(file: string): InspectedModel {
  const onnx = describeModel(file);
  const holds = `a graph ${onnx.graph} written by ${onnx.producer || 'an unknown program'}`;
  const next = `\`npx reignite model describe ${shellWord(file)}\` drafts its model JSON file, if it needs one.`;
  return { file, format: 'onnx', holds, safe: true, ...NOTHING, elements: onnx.parameters, onnx, next };
}

async function inspectCheckpoint(file: string, globals: SeenGlobal[]): Promise<InspectedModel> {
  const checkpoint = await openCheckpoint(file, { inspect: true, onGlobal: (seen) => globals.push(seen) });
  try {
    const { format, root } = checkpoint;
    const tensors = listTensors(root);
    if (format === 'safetensors' && tensors.length === 0) return otherFile(file, 'a safetensors file');
    return {
      file,
      format,
      ...contentOf(root, file),
      safe: globals.every(({ verdict }) => verdict !== 'dangerous'),
      globals,
      elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      tensors,
      tree: valueTree(root),
    };
  } finally {
    await checkpoint.close();
  }
}

/** Describes the content of a checkpoint, and what can be done with it. */
function contentOf(root: PickleValue, file: string): Pick<InspectedModel, 'holds' | 'next'> {
  const nnunet = checkpointFamily(root, file);
  if (nnunet !== undefined) {
    return { holds: `${nnunet}${besides(root)}`, next: nextOfFold(file) };
  }
  if (isPlans(root)) {
    const next = 'The weights are in files such as fold_0/model_best.model: give their folder to `predict --model`.';
    return { holds: 'plans of nnU-Net v1, without weights', next };
  }
  const detector = detectorFamily(root, file);
  if (detector !== undefined) {
    const predict = `npx reignite predict --task nuclei --model ${shellWord(file)} --out predicted image.png`;
    return { holds: detector.holds, next: detector.remedy ?? `\`${predict}\` detects cells in image.png.` };
  }
  const weights = findStateDict(root);
  if (weights === undefined) {
    const isModule = isPickleObject(root) && root.kind === 'reduced';
    return { holds: describe(root), ...(isModule && { next: EXPORT_MODULE }) };
  }
  const network = networkOf(weights);
  const place = weights.key === '' ? '' : ` under ${weights.key}`;
  const holds = `weights of ${network ?? 'an unknown network'} by name (a state dict)${place}${besides(root)}`;
  const isNnunet = network?.startsWith('an nnU-Net') ?? false;
  return {
    holds,
    next: isNnunet ? `\`npx reignite model convert ${shellWord(file)}\`, with its plans next to it.` : EXPORT_WEIGHTS,
  };
}

/** Names a moving average next to the weights that are used. */
function besides(root: PickleValue): string {
  const average = averageBeside(root);
  return average === undefined ? '' : `, and a moving average of them under ${average}, which is not used`;
}

function nextOfFold(file: string): string {
  const fold = dirname(file);
  if (foldOfFolder(basename(fold)) === undefined) {
    const plans = `plans.json and dataset.json (v2) or ${basename(file)}.pkl (v1)`;
    return `With the plans of its training next to it, ${plans}, give the file to \`predict --model\`.`;
  }
  const predict = `npx reignite predict --task he --model ${shellWord(dirname(fold))} --out predicted image.png`;
  return `\`${predict}\` segments image.png with all folds of the model.`;
}

/** Formats that are not specific to PyTorch. */
const OWN_FORMATS: ReadonlySet<string> = new Set(['safetensors', 'pickle']);

const ORDER = ['dangerous', 'inert', 'known'] as const;

/** Formats the result for people: the verdict, the most important names, then the tree. */
export function describeInspected(model: InspectedModel): string {
  const lines = [headOf(model), ...faultOf(model), ...nextOf(model), ...namesOf(model), ...bodyOf(model)];
  // A hostile file may contain names with terminal escapes, or names that look like lines of this text.
  return lines.map(printableLine).join('\n');
}

function headOf({ file, format, holds, globals, fault }: InspectedModel): string {
  const isDangerous = globals.some(({ verdict }) => verdict === 'dangerous');
  if (isDangerous) return `${file}: ${holds}. DANGEROUS: loading it in Python could run code.`;
  if (fault !== undefined) return `${file}: ${holds}.`;
  if (format === 'other') return `${file}: ${holds}; not a checkpoint.`;
  const kind = format === 'onnx' ? 'ONNX' : OWN_FORMATS.has(format) ? format : `PyTorch ${format}`;
  return `${file}: ${kind}, ${holds}; nothing in it can run code.`;
}

function faultOf({ fault, globals }: InspectedModel): string[] {
  if (fault === undefined) return [];
  const reason = `${fault.code}: ${fault.cause}`;
  if (globals.length === 0) return [reason];
  return [reason, 'Names before the fault are listed; Python would already have imported them.'];
}

function nextOf({ next }: InspectedModel): string[] {
  return next === undefined ? [] : [`Next: ${next}`];
}

function namesOf({ globals }: InspectedModel): string[] {
  if (globals.length === 0) return [];
  const sorted = [...globals].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return [`Imported names: ${globals.length}`, ...sorted.map(nameLine)];
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
