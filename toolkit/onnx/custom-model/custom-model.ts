import { dirname, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../../config/digest.ts';
import { ReigniteError } from '../../errors.ts';
import { copyChangingFile, replaceFile, writeFileAtomic } from '../../files/atomic-write.ts';
import { isFile } from '../../files/file-access.ts';
import { makeFolder } from '../../files/folders.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { readJsonIfValid } from '../../files/text-file.ts';
import { type DescribedModel, type DescribedValue, describeModel } from '../file/describe-model.ts';
import { ImageSpec, imageSpec, type Refuse } from './image-spec.ts';
import { DetectionSidecar, hasSigmoid, SegmentationSidecar, type SidecarInput } from './sidecar.ts';

/** Raised whenever the same model and model JSON would give other outputs. */
const SCHEMA = 2;
const OWN_CARD_FILE = 'own.json';
const MODEL_FILE = 'model.onnx';
/** float32, float16, float64. */
export const FLOATING = [1, 10, 11];

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Count = z.int().min(1);

/** A custom ONNX model in the state directory, checked against its model JSON. Written last. */
export const CustomModelCard = z.object({
  kind: z.literal('onnx'),
  digest: Sha256.describe('Over the model, its sidecar and how both are understood'),
  sourceSha256: Sha256.describe('Of the ONNX file'),
  file: z.string(),
  input: z.string().describe('Name of the input'),
  output: z.string().describe('Name of the output that is read'),
  size: z.tuple([Count, Count]).describe('Height and width of a tile in px'),
  image: ImageSpec.describe('How pixels become the input'),
  outputLayout: z.enum(['NCHW', 'NHWC']).exactOptional().describe('Of a segmentation'),
  /** Channels of a segmentation's output, or rows of a detector's. */
  count: Count,
  rowsVary: z.literal(true).exactOptional().describe('A detector whose rows follow from its input: `count` at most'),
  sidecar: z.union([SegmentationSidecar, DetectionSidecar]),
});
export type CustomModelCard = z.infer<typeof CustomModelCard>;

/** Reads the description of a custom model in the state directory; undefined for another model. */
export async function readOwnCard(folder: string): Promise<CustomModelCard | undefined> {
  return readJsonIfValid(join(folder, OWN_CARD_FILE), CustomModelCard);
}

/** A model JSON with the file that it comes from, for messages. */
export interface SourcedSidecar {
  readonly sidecar: SegmentationSidecar | DetectionSidecar;
  readonly source: string;
}

/**
 * Copies an ONNX model, with files of weights next to it, to the state directory, unless it is already there.
 *
 * @param models - Folder of converted models.
 * @returns Its description and folder.
 * @throws ReigniteError MODEL_UNREADABLE; SIDECAR_INVALID if model and model JSON do not match.
 */
export async function importCustomModel(
  path: string,
  { sidecar, source }: SourcedSidecar,
  models: string,
  signal?: AbortSignal,
): Promise<{ readonly card: CustomModelCard; readonly folder: string; readonly cached: boolean }> {
  const sourceSha256 = await sha256OfFile(path, signal);
  const model = describeModel(path);
  const weights = await weightFiles(path, model, signal);
  const parts = [sourceSha256, ...weights.map(({ name, sha256 }) => `${name} ${sha256}`), canonicalJson(sidecar)];
  const digest = sha256Of([`own-onnx ${SCHEMA}`, ...parts].join('\n'));
  const folder = join(models, digest);
  const known = await readOwnCard(folder);
  if (known !== undefined) return { card: known, folder, cached: true };
  const shapes = checkShapes(model, { sidecar, source });
  await makeFolder(folder);
  for (const { name } of weights) {
    await replaceFile(join(folder, name), (temporary) => copyChangingFile(join(dirname(path), name), temporary));
  }
  await replaceFile(join(folder, MODEL_FILE), (temporary) => copyChangingFile(path, temporary));
  const card: CustomModelCard = { kind: 'onnx', digest, sourceSha256, file: MODEL_FILE, ...shapes, sidecar };
  await writeFileAtomic(join(folder, OWN_CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  return { card, folder, cached: false };
}

/** A file with weights next to an ONNX file, which refers to it by name. */
interface WeightFile {
  readonly name: string;
  readonly sha256: string;
}

/**
 * Finds the files next to an ONNX file that hold its weights, as PyTorch and ONNX write them for large models.
 *
 * @throws ReigniteError MODEL_UNREADABLE if one is missing, or would be elsewhere.
 */
async function weightFiles(
  path: string,
  { externalFiles }: DescribedModel,
  signal: AbortSignal | undefined,
): Promise<readonly WeightFile[]> {
  const files: WeightFile[] = [];
  for (const name of externalFiles) {
    if (!/^\w[\w.-]*$/.test(name) || name === MODEL_FILE || name === OWN_CARD_FILE) {
      const message = `${path} stores weights in ${name}: this name, or weights in another folder, are not supported.`;
      throw new ReigniteError('MODEL_UNREADABLE', message, { remedy: 'Save the model with its weights in one file.' });
    }
    const file = join(dirname(path), name);
    if (!(await isFile(file))) {
      throw new ReigniteError('MODEL_UNREADABLE', `${path} stores weights in ${name}, which is not next to it.`, {
        remedy: `Put ${name} into the same folder, or save the model with its weights in one file.`,
      });
    }
    files.push({ name, sha256: await sha256OfFile(file, signal) });
  }
  return files;
}

type Shapes = Pick<CustomModelCard, 'input' | 'output' | 'size' | 'count' | 'rowsVary' | 'image' | 'outputLayout'>;

/**
 * Checks a model JSON against its model.
 *
 * @throws ReigniteError MODEL_UNREADABLE; SIDECAR_INVALID if they do not match.
 */
export function checkShapes(model: DescribedModel, { sidecar, source }: SourcedSidecar): Shapes {
  const refuse = (what: string, remedy?: string) =>
    new ReigniteError('SIDECAR_INVALID', `${source}: ${what}.`, remedy === undefined ? {} : { remedy });
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0) {
    throw refuse(
      `the model has ${model.inputs.length} inputs instead of one`,
      'Export the model with its image as the only input.',
    );
  }
  const output = outputOf(model, sidecar.output.name, refuse);
  if (!FLOATING.includes(output.elementType)) {
    const remedy =
      'Export the model without its last step (such as ArgMax), or set output.name to the output with the scores.';
    throw refuse(`the output ${output.name} is not floating-point`, remedy);
  }
  if (sidecar.kind === 'detection' && sidecar.input.normalise !== undefined) {
    throw refuse('input.normalise is for segmentation models');
  }
  const image = imageSpec(input, sidecar.input, refuse);
  const size = tileSize(input, image, sidecar.input, refuse);
  const names = { input: input.name, output: output.name, size, image };
  if (sidecar.kind === 'detection') return { ...names, ...rowsOf(output, sidecar, size, refuse) };
  const outputLayout = sidecar.output.layout ?? image.layout;
  return { ...names, outputLayout, count: channelsOf(output, size, sidecar, outputLayout, refuse) };
}

function outputOf({ outputs }: DescribedModel, wanted: string | undefined, refuse: Refuse): DescribedValue {
  const output = wanted === undefined ? outputs[0] : outputs.find(({ name }) => name === wanted);
  if (output !== undefined) return output;
  if (wanted === undefined) throw refuse('the model has no output');
  throw refuse(`output.name is ${wanted}; the model has ${outputs.map(({ name }) => name).join(', ')}`);
}

function tileSize(
  { name, shape }: DescribedValue,
  { layout }: ImageSpec,
  { size }: SidecarInput,
  refuse: Refuse,
): [number, number] {
  const [batch, first, second, third] = shape;
  const [height, width] = layout === 'NCHW' ? [second, third] : [first, second];
  if (batch !== 1 && typeof batch === 'number')
    throw refuse(`the input ${name} takes ${batch} images at once`, 'Export the model with a batch size of 1.');
  const sides = [height, width].map((side, axis) => {
    const wanted = size?.[axis];
    if (typeof side !== 'number') {
      if (wanted === undefined) throw refuse(`the model does not fix the tile size; set input.size`);
      return wanted;
    }
    if (wanted !== undefined && wanted !== side) throw refuse(`input.size says ${size}; the model takes [${shape}]`);
    return side;
  });
  return [sides[0] ?? 0, sides[1] ?? 0];
}

function channelsOf(
  { name, shape }: DescribedValue,
  [height, width]: readonly [number, number],
  sidecar: SegmentationSidecar,
  layout: ImageSpec['layout'],
  refuse: Refuse,
): number {
  const { length } = sidecar.labels;
  const expected = layout === 'NCHW' ? [1, length, height, width] : [1, height, width, length];
  // A single channel may come without a channel axis.
  const isFlat = hasSigmoid(sidecar) && length === 1 && fits(shape, [1, height, width]);
  if (isFlat || fits(shape, expected)) return length;
  throw refuse(`the output ${name} is [${shape}]; ${length} labels as ${layout} need [${expected}]`);
}

/** Maximum rows per pixel of the input: four heads with strides of 4, 8, 16 and 32 px. */
const MAX_ROWS_PER_PIXEL = (1 + 1 / 4 + 1 / 16 + 1 / 64) / 16;
const ANCHORS = 3;

function rowsOf(
  { name, shape }: DescribedValue,
  { output, labels }: DetectionSidecar,
  [height, width]: readonly [number, number],
  refuse: Refuse,
): Pick<CustomModelCard, 'count' | 'rowsVary'> {
  const { format } = output;
  const columns = format === 'end2end' ? 6 : (format === 'yolov5' ? 5 : 4) + labels.length;
  const [batch, first, second] = shape;
  const [rows, found] = format === 'yolov8' ? [second, first] : [first, second];
  const isOne = batch === 1 || typeof batch === 'string';
  if (shape.length === 3 && isOne && (found === columns || typeof found === 'string')) {
    if (typeof rows === 'number') return { count: rows };
    const most = Math.ceil(height * width * MAX_ROWS_PER_PIXEL) * (format === 'yolov5' ? ANCHORS : 1);
    return { count: most, rowsVary: true };
  }
  throw refuse(
    `the output ${name} is [${shape}]; ${labels.length} labels as ${format} need ` +
      (format === 'yolov8' ? `[1, ${columns}, rows]` : `[1, rows, ${columns}]`),
  );
}

/** Axes without a fixed length match any length. */
function fits(shape: readonly (number | string)[], expected: readonly number[]): boolean {
  return (
    shape.length === expected.length &&
    shape.every((length, axis) => typeof length === 'string' || length === expected[axis])
  );
}
