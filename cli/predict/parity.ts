import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import { readJsonIfValid } from '../../toolkit/files/text-file.ts';
import { shortNumber } from '../../toolkit/format.ts';
import {
  compareOutputs,
  type Numbers,
  type OutputComparison,
  readNumbers,
  runOnce,
} from '../../toolkit/models/compare-outputs.ts';
import { refuseNotOnnx } from '../../toolkit/models/identify-file.ts';
import { ModelCard } from '../../toolkit/nnunet/model-card.ts';
import { laidOutOf } from '../../toolkit/nnunet/networks/ort-fold-networks.ts';
import { sidecarPath } from '../../toolkit/onnx/custom-model/sidecar.ts';
import type { SessionOptions } from '../../toolkit/onnx/session/session.ts';
import { EXIT, printResult } from '../output.ts';
import { convertInto } from './model.ts';

export interface ParityOptions {
  readonly against: string;
  readonly input: string;
  readonly output?: string;
  readonly tolerance: number;
  readonly json?: boolean;
}

/**
 * `reignite model parity`: compares a model, as reignite runs it, with another ONNX file or with an output that was
 * saved elsewhere.
 *
 * @returns 4 if a difference exceeds the tolerance.
 * @throws ReigniteError USAGE, FILE_MISSING, NPY_INVALID, SIZE_MISMATCH, MODEL_UNREADABLE, INFERENCE_FAILED, or what the
 *   conversion throws.
 */
export async function parityCommand(
  file: string,
  { against, input, output, tolerance, json }: ParityOptions,
  signal?: AbortSignal,
): Promise<number> {
  if (!(tolerance >= 0)) throw new ReigniteError('USAGE', `--tolerance is ${tolerance}; it must be at least 0.`);
  const image = await readNumbers(resolve(input));
  const reference = await referenceOf(resolve(against), image, output, signal);
  const ours = await outputOf(resolve(file), image, signal);
  const comparison = compareOutputs(ours, reference, tolerance);
  printResult(json ? JSON.stringify({ model: file, against, input, ...comparison }, null, 1) : describe(comparison));
  return comparison.beyond === 0 ? EXIT.done : EXIT.differs;
}

async function referenceOf(
  path: string,
  image: Numbers,
  output: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Numbers> {
  if (/\.npy$/i.test(path)) return readNumbers(path);
  if (!/\.onnx$/i.test(path)) {
    throw new ReigniteError('USAGE', `${path} is neither .onnx nor .npy.`, {
      remedy: 'Export the model to ONNX with the software that trained it, or save its output with `numpy.save`.',
    });
  }
  await refuseNotOnnx(path);
  return runOnce({ path, how: 'plain', ...asInput(image), ...(output !== undefined && { output }) }, signal);
}

async function outputOf(path: string, image: Numbers, signal: AbortSignal | undefined): Promise<Numbers> {
  if (/\.onnx$/i.test(path)) await refuseNotOnnx(path);
  const work = await mkdtemp(join(tmpdir(), 'reignite-parity-'));
  try {
    const { model, laidOut } = await (/\.onnx$/i.test(path) ? asGiven(path, work) : converted(path, work, image));
    return await runOnce({ path: model, how: { laidOut }, ...asInput(image) }, signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The ONNX file, and how runs open it (`laidOut` of `SessionOptions`). */
interface ModelOfRuns {
  readonly model: string;
  readonly laidOut: NonNullable<SessionOptions['laidOut']>;
}

/** Converts a checkpoint for the size of the input. */
async function converted(path: string, work: string, { shape }: Numbers): Promise<ModelOfRuns> {
  const [height, width] = shape.slice(-2);
  const size = height === undefined || width === undefined ? undefined : { height, width };
  const { made, card } = await convertInto(path, work, size);
  const network = ModelCard.safeParse(card).data;
  return { model: made, laidOut: network === undefined ? false : laidOutOf(work, network) };
}

/** Links a converted model into a temporary folder: the optimised copy is written next to it. */
async function asGiven(path: string, work: string): Promise<ModelOfRuns> {
  const card = await readJsonIfValid(sidecarPath(path), ModelCard);
  const [file, ...others] = card?.folds.map((fold) => fold.file) ?? [];
  if (card === undefined || file !== basename(file ?? '') || others.length > 0 || !existsSync(path)) {
    return { model: path, laidOut: false };
  }
  await symlink(path, join(work, file));
  const laidOut = laidOutOf(work, card);
  return { model: laidOut === false ? path : join(work, file), laidOut };
}

function asInput({ shape, values }: Numbers): { readonly shape: readonly number[]; readonly values: Float32Array } {
  return { shape, values: Float32Array.from(values) };
}

function describe(comparison: OutputComparison): string {
  const { shape, elements, maxDifference, meanDifference, range, at, beyond, tolerance, transposed } = comparison;
  const [low, high] = range.map((value) => (value === null ? 'not finite' : Number(value.toPrecision(4))));
  const shown = (value: number | null) => (value === null ? 'not finite' : shortNumber(value));
  return [
    `Output [${shape.join(', ')}] of ${elements} numbers from ${low} to ${high}${transposed ? ', channels last in the model' : ''}.`,
    `Largest difference ${shown(maxDifference)} at [${at.join(', ')}], mean ${shown(meanDifference)}.`,
    beyond === 0
      ? `Within the tolerance of ${tolerance}.`
      : `DIFFERS: ${beyond} differences are larger than the tolerance of ${tolerance}.`,
  ].join('\n');
}
