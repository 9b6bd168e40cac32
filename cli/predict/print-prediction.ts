import { relative } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { describeFolds } from '../../toolkit/nnunet/convert/model-folds.ts';
import type { NamedImage } from '../../toolkit/predict/prediction.ts';
import { PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import { writePredictionPage } from '../../toolkit/predict/prediction-page.ts';
import {
  describePrediction,
  type PredictionSummary,
  readPredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { asReigniteError, EXIT, printable, printableLine, printResult, printStep } from '../output.ts';

/**
 * Prints the result of a prediction command, as text or as JSON, and writes the page of its folder.
 *
 * @param summary - Everything in the folder `out`.
 * @param images - The images of the command.
 * @param options.quiet - Leaves out the notes.
 * @returns The exit status: partial if an image failed.
 * @throws ReigniteError The first failure when no image was predicted. The signal's reason when aborted.
 */
export async function printPrediction(
  summary: PredictionSummary,
  images: readonly NamedImage[],
  out: string,
  options: { readonly json?: boolean; readonly quiet?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const ours = ofCommand(summary, images);
  refuseNothingPredicted(ours);
  if (options.json) printResult(JSON.stringify(summary, null, 1));
  else {
    // A model may name its classes with characters that drive the terminal.
    const lines = ours.images.flatMap((image) => describePrediction(image, options.quiet)).map(printableLine);
    printResult(lines.join('\n'));
  }
  for (const line of ensembleLines(summary.model)) printStep(line);
  printStep(`${ours.images.length} of ${images.length} images predicted; results are in ${out}.`);
  await printPage({ path: RESULTS.page.in(out), write: () => writePage(out, signal) }, signal);
  const others = summary.images.length - ours.images.length;
  if (others > 0) printStep(`The tables also cover ${others} ${others === 1 ? 'image' : 'images'} predicted earlier.`);
  return ours.failures.length === 0 ? EXIT.done : EXIT.partial;
}

/** Writes the page of the folder's current content, under a lock that keeps other commands from writing. */
async function writePage(out: string, signal: AbortSignal): Promise<void> {
  const lock = await new PredictionFolder(out).lock();
  try {
    const summary = await readPredictionSummary(out);
    await writePredictionPage(out, summary, packageVersion(), AbortSignal.any([signal, lock.lost]));
  } finally {
    await lock.release();
  }
}

/** Selects the images and failures of this command from all in the folder. */
function ofCommand({ images, failures }: PredictionSummary, named: readonly NamedImage[]) {
  const failed = failures.filter(({ image }) => named.some(({ path }) => path === image));
  const failedPaths = new Set(failed.map(({ image }) => image));
  const names = new Set(named.filter(({ path }) => !failedPaths.has(path)).map(({ name }) => name));
  return { images: images.filter(({ name }) => names.has(name)), failures: failed };
}

/** Describes the networks of an nnU-Net model that made a prediction. */
function ensembleLines({ family, folds, trainer, plans, mirrorAxes = [] }: PredictionSummary['model']): string[] {
  if (folds === undefined) return [];
  const average = folds.length === 1 ? '' : ', averaged';
  if (family === undefined) return [`The softmax is from ${describeFolds(folds)} of the model${average}.`];
  const mirrored = mirrorAxes.length === 0 ? 'not mirrored' : 'also mirrored, averaged';
  return [
    `The logits are from ${describeFolds(folds)} of the ${family} model${average} (${trainer}, ${plans}); tiles ${mirrored}.`,
  ];
}

/** Throws the error of the first image if no image could be predicted. */
function refuseNothingPredicted({ images, failures: [first] }: ReturnType<typeof ofCommand>): void {
  if (first === undefined || images.length > 0) return;
  throw new ReigniteError(first.code, first.cause, { remedy: first.remedy });
}

/** The HTML page of a command's results. */
interface ResultsPage {
  /** Absolute. */
  readonly path: string;
  write(): Promise<void>;
}

/**
 * Writes the page of complete results, and prints its path. If the page cannot be written, the command does not fail,
 * but prints the reason and what to do.
 *
 * @throws The signal's reason when aborted.
 */
export async function printPage({ path, write }: ResultsPage, signal?: AbortSignal): Promise<void> {
  try {
    await write();
  } catch (error) {
    signal?.throwIfAborted();
    printStep(printable(`The page ${relative('.', path)} was not written. ${causeOf(error)}`));
    printStep('  The results are complete. Run the same command again to write the page.');
    return;
  }
  printStep(`Page  ${relative('.', path)}`);
}

function causeOf(error: unknown): string {
  const { message, remedy } = asReigniteError(error);
  return error instanceof ReigniteError ? `${message} ${remedy}` : message;
}
