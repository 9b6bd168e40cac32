import { join, resolve } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { PROVIDERS, type Provider } from '../../toolkit/onnx/session.ts';
import type { ImagePrediction } from '../../toolkit/predict/prediction.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { type NamedImage, nameImages } from '../predict/image-names.ts';
import { type ImagePredictor, openPredictor, type PredictionOrder } from '../predict/predict-images.ts';
import { describePrediction, predictionTable } from '../predict/prediction-tables.ts';
import { PredictionProgress } from '../predict/progress.ts';

export interface PredictOptions {
  readonly task: Task;
  readonly model: string;
  readonly out: string;
  readonly labels?: string;
  readonly mpp?: number;
  readonly resample?: boolean;
  readonly simplify?: number;
  readonly minArea?: number;
  readonly provider?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

interface ImageFailure {
  readonly image: string;
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

const SMALLEST_MPP = 0.01;
const LARGEST_MPP = 100;
const MOST_SMOOTHING = 100;
const MOST_AREA = 1e12;
const MOST_THREADS = 256;

/**
 * `reignite predict`: masks, outlines and areas, or cells and their counts, of the user's own images. What is finished
 * stays when it is interrupted; the same command goes on where it was.
 */
export async function predictCommand(
  words: readonly string[],
  options: PredictOptions,
  signal: AbortSignal,
): Promise<number> {
  const order = readOrder(options);
  const images = await nameImages(words);
  const home = homeFromEnvironment();
  const progress = new PredictionProgress(images.length, process.stderr);
  const predictor = await openPredictor(order, home, progress, signal);
  const { predictions, failures } = await predictAll(images, predictor, progress, signal);
  const model = { path: order.model, digest: predictor.digest };
  const summary = { task: order.task, model, images: predictions, failures };
  await writeFileAtomic(join(order.out, 'summary.json'), `${JSON.stringify(summary, null, 1)}\n`);
  await writeFileAtomic(join(order.out, tableName(order.task)), predictionTable(predictions));
  if (options.json) printResult(JSON.stringify(summary, null, 1));
  else printResult(predictions.flatMap(describePrediction).join('\n'));
  printStep(`${predictions.length} of ${images.length} images predicted; everything is in ${order.out}.`);
  return failures.length === 0 ? EXIT.done : EXIT.error;
}

/** An image that cannot be read is told and left out; the others are not to wait for it. */
async function predictAll(
  images: readonly NamedImage[],
  predictor: ImagePredictor,
  progress: PredictionProgress,
  signal: AbortSignal,
): Promise<{ readonly predictions: readonly ImagePrediction[]; readonly failures: readonly ImageFailure[] }> {
  const predictions: ImagePrediction[] = [];
  const failures: ImageFailure[] = [];
  try {
    for (const image of images) {
      progress.begin(image.name);
      try {
        predictions.push(await predictor.predict(image, signal));
      } catch (error) {
        if (!(error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE')) throw error;
        failures.push({ image: image.path, code: error.code, cause: error.message, remedy: error.remedy });
        progress.say(`error ${error.code}: ${error.message}\n  ${error.remedy}`);
      }
    }
  } finally {
    progress.end();
    await predictor.close();
  }
  const [first] = failures;
  if (first === undefined || predictions.length > 0) return { predictions, failures };
  throw new ReigniteError('IMAGE_UNREADABLE', first.cause, { remedy: first.remedy });
}

function tableName(task: Task): string {
  return task === 'he' ? 'areas.csv' : 'counts.csv';
}

function readOrder({ task, model, out, labels, mpp, resample = false, ...more }: PredictOptions): PredictionOrder {
  if (mpp !== undefined) expectWithin('--mpp', mpp, SMALLEST_MPP, LARGEST_MPP);
  if (resample && mpp === undefined) {
    throw new ReigniteError('USAGE', '--resample needs --mpp: how large a pixel of the images is, in µm.');
  }
  if (labels !== undefined && task !== 'he') {
    throw new ReigniteError('USAGE', '--labels names the labels of masks; a detector brings its own names.');
  }
  const { simplify = 0, minArea = 1, provider = 'auto', threads } = more;
  expectWithin('--simplify', simplify, 0, MOST_SMOOTHING);
  expectWithin('--min-area', minArea, 1, MOST_AREA);
  if (threads !== undefined) expectWithin('--threads', threads, 1, MOST_THREADS);
  if (!isProvider(provider)) {
    throw new ReigniteError('USAGE', `Expected --provider auto, ${PROVIDERS.join(' or ')}, got ${provider}.`);
  }
  return {
    task,
    model: resolve(model),
    out: resolve(out),
    ...(labels !== undefined && { labels: resolve(labels) }),
    session: { provider, ...(threads !== undefined && { threads }) },
    choices: { ...(mpp !== undefined && { mpp }), resample, simplify, minArea },
  };
}

function isProvider(name: string): name is Provider | 'auto' {
  return name === 'auto' || PROVIDERS.some((provider) => provider === name);
}

function expectWithin(option: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new ReigniteError('USAGE', `Expected ${option} from ${least} to ${most}, got ${value}.`);
}
