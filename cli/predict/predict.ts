import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Folds } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import { didYouMean } from '../../config/wrong-values.ts';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, homeFromEnvironment, makePrivateHome } from '../../toolkit/files/folders.ts';
import { AcceptedImage } from '../../toolkit/image/accepted-image.ts';
import { prepareTissueModel } from '../../toolkit/models/tissue-model.ts';
import { type Case, type GivenFile, groupCases, isNamedAsChannel } from '../../toolkit/nnunet/case-files.ts';
import { type EngineName, PROVIDERS, type Provider } from '../../toolkit/onnx/session/engine-choice.ts';
import { isSlideImage } from '../../toolkit/predict/input-image.ts';
import type { NamedImage, PredictionOrder } from '../../toolkit/predict/prediction.ts';
import { nameOpenSlide } from '../../toolkit/slide/read/openslide.ts';
import { isSlide } from '../../toolkit/slide/read/slide-formats.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { RESUMABLE, whenInterrupted } from '../interruption.ts';
import { printStep } from '../output.ts';
import { printPrediction } from './print-prediction.ts';

export interface PredictOptions {
  readonly task: Task;
  readonly model: string;
  readonly out: string;
  readonly labels?: string;
  readonly folds?: string;
  readonly mirroring?: boolean;
  readonly mpp?: number;
  readonly resample?: boolean;
  readonly level?: number;
  readonly everywhere?: boolean;
  /** Path of the OpenSlide library. */
  readonly openslide?: string;
  readonly regions?: string;
  readonly maxValue?: number;
  readonly simplify?: number;
  readonly minArea?: number;
  readonly confidence?: number;
  readonly iou?: number;
  readonly imgsz?: number;
  readonly fit?: 'tiles' | 'letterbox';
  readonly overlap?: number;
  readonly provider?: string;
  readonly threads?: number;
  readonly engine?: EngineName;
  /** Whether to predict as a durable workflow. */
  readonly run?: boolean;
  readonly json?: boolean;
  /** Whether to leave out the notes on the screen. */
  readonly quiet?: boolean;
}

const SMALLEST_MPP = 0.01;
const MAX_MPP = 100;
const MAX_SMOOTHING = 100;
const MAX_AREA = 1e12;
/** px; 6 µm² at the models' pixel size, less than any nucleus. Removes two thirds of the outlines and 0.5 % of the area. */
const SPECK = 25;
const MAX_THREADS = 256;
const MAX_LEVELS = 64;
const MAX_VALUE = 65_535;
const MIN_IMGSZ = 32;
const MAX_IMGSZ = 8_192;
const OUTLINE_OPTIONS = [
  { name: 'simplify', option: '--simplify' },
  { name: 'minArea', option: '--min-area' },
] as const;
const DETECTION_OPTIONS = ['confidence', 'iou', 'imgsz', 'fit', 'overlap'] as const;

/**
 * `reignite predict`: predicts masks, outlines and areas, or cells and their counts, for the user's images. Finished
 * images are kept when it is interrupted; the same command resumes.
 */
export async function predictCommand(
  words: readonly string[],
  options: PredictOptions,
  signal: AbortSignal,
): Promise<number> {
  if (options.openslide !== undefined) nameOpenSlide(resolve(options.openslide));
  const order = readOrder(options);
  const home = homeFromEnvironment();
  const images = await nameImages(words, () => channelsOfModel(order, home, signal));
  if (order.choices.regions !== undefined) await expectOneSlide(order, images);
  whenInterrupted(RESUMABLE);
  // Temporal's client takes longer to load than all that a prediction in this process needs.
  const predict = options.run
    ? (await import('./predict-as-run.ts')).predictAsRun
    : (await import('./predict-here.ts')).predictHere;
  const summary = await predict(order, images, home, signal);
  return printPrediction(summary, images, order.out, options, signal);
}

/** Regions are drawn on one slide: on another one, or on an image, their counts would be missing or wrong. */
async function expectOneSlide({ choices }: PredictionOrder, images: readonly NamedImage[]): Promise<void> {
  const [image, ...others] = images;
  if (others.length > 0) {
    throw new ReigniteError('USAGE', `--regions has the regions of one slide, but ${images.length} images are named.`, {
      remedy: 'Run the command once per slide, each with its own `--regions` and `--out`.',
    });
  }
  if (image === undefined || (await isSlideImage(image, choices))) return;
  throw new ReigniteError('USAGE', `--regions is for slides; ${image.path} is read as an image.`, {
    remedy: 'Leave `--regions` out, or add `--level 0` to read a TIFF as a slide.',
  });
}

/** Prepares an nnU-Net model to learn how many channels its images have; undefined for another model. */
async function channelsOfModel(
  { task, model, folds, mirroring }: PredictionOrder,
  home: HomeFolders,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (!taskNamed(task).takes.folds) return undefined;
  await makePrivateHome(home.home, printStep);
  const { channels, nnunet } = await prepareTissueModel(model, home.models, {
    folds,
    mirroring,
    signal,
    onProgress: ({ step, done, total }) => {
      if (step === 'convert') printStep(`fold ${done} of ${total} converted to ONNX`);
    },
  });
  return nnunet === undefined ? undefined : channels;
}

function readOrder({
  task,
  model,
  out,
  labels,
  folds,
  mirroring,
  mpp,
  resample = false,
  ...more
}: PredictOptions): PredictionOrder {
  if (mpp !== undefined) expectWithin('--mpp', mpp, SMALLEST_MPP, MAX_MPP);
  if (resample && mpp === undefined) {
    throw new ReigniteError('USAGE', '--resample needs --mpp, the pixel size of the images in µm.');
  }
  const { takes } = taskNamed(task);
  if (labels !== undefined && !takes.labels) {
    throw new ReigniteError('USAGE', '--labels is for masks only; a detector has its own class names.');
  }
  if (folds !== undefined && !takes.folds) throw new ReigniteError('USAGE', '--folds is for nnU-Net models only.');
  if (mirroring !== undefined && !takes.mirroring)
    throw new ReigniteError('USAGE', '--mirroring is for nnU-Net models only.');
  const outlines = OUTLINE_OPTIONS.find(({ name }) => more[name] !== undefined);
  if (outlines !== undefined && !takes.labels) {
    throw new ReigniteError('USAGE', `${outlines.option} is for masks only; detectors draw no outlines.`);
  }
  const {
    simplify = 0,
    minArea = SPECK,
    provider = 'auto',
    threads,
    engine = 'exact',
    maxValue,
    level,
    everywhere = false,
    regions,
  } = more;
  if (level !== undefined) expectWhole('--level', level, 0, MAX_LEVELS);
  if (regions !== undefined && takes.labels) {
    throw new ReigniteError('USAGE', '--regions is for detectors: --task nuclei or pdl1.');
  }
  if (maxValue !== undefined) expectWhole('--max-value', maxValue, 1, MAX_VALUE);
  expectWithin('--simplify', simplify, 0, MAX_SMOOTHING);
  expectWithin('--min-area', minArea, 0, MAX_AREA);
  if (threads !== undefined) expectWithin('--threads', threads, 1, MAX_THREADS);
  if (engine !== 'exact' && !takes.labels) {
    throw new ReigniteError('USAGE', '--engine fast is for masks only; detectors have one engine.');
  }
  const detection = readDetection(more, takes.detection);
  if (!isProvider(provider)) {
    throw new ReigniteError(
      'USAGE',
      `Expected --provider auto, ${PROVIDERS.join(' or ')}, got ${provider}.${didYouMean(provider, ['auto', ...PROVIDERS])}`,
    );
  }
  return {
    task,
    model: resolve(model),
    out: resolve(out),
    ...(labels !== undefined && { labels: resolve(labels) }),
    ...(folds !== undefined && { folds: readFolds(folds) }),
    ...(mirroring !== undefined && { mirroring }),
    session: { provider, ...(threads !== undefined && { threads }), ...(engine !== 'exact' && { engine }) },
    choices: {
      ...(mpp !== undefined && { mpp }),
      ...(level !== undefined && { level }),
      ...(everywhere && { everywhere }),
      ...(regions !== undefined && { regions: resolve(regions) }),
      resample,
      ...(maxValue !== undefined && { maxValue }),
      simplify,
      minArea,
      ...detection,
    },
  };
}

/** Reads the options of a detector. */
function readDetection(
  { confidence, iou, imgsz, fit, overlap }: Pick<PredictOptions, (typeof DETECTION_OPTIONS)[number]>,
  areTaken: boolean,
): Partial<PredictionOrder['choices']> {
  const given = { confidence, iou, imgsz, fit, overlap };
  const named = DETECTION_OPTIONS.find((name) => given[name] !== undefined);
  if (named !== undefined && !areTaken) {
    throw new ReigniteError('USAGE', `--${named} is for detectors: --task nuclei or pdl1.`);
  }
  if (confidence !== undefined) expectWithin('--confidence', confidence, 0, 1);
  if (iou !== undefined) expectWithin('--iou', iou, 0, 1);
  if (imgsz !== undefined) expectWhole('--imgsz', imgsz, MIN_IMGSZ, MAX_IMGSZ);
  if (overlap !== undefined) expectWhole('--overlap', overlap, 0, MAX_IMGSZ / 2);
  return {
    ...(confidence !== undefined && { confidence }),
    ...(iou !== undefined && { iou }),
    ...(imgsz !== undefined && { imgsz }),
    ...(fit !== undefined && { fit }),
    ...(overlap !== undefined && { overlap }),
  };
}

function readFolds(text: string): NonNullable<PredictionOrder['folds']> {
  const { data } = Folds.safeParse(text);
  if (data !== undefined) return data;
  throw new ReigniteError('USAGE', `Expected --folds such as 0,1,3,4 or the fold all, got ${text}.`);
}

function isProvider(name: string): name is Provider | 'auto' {
  return name === 'auto' || PROVIDERS.some((provider) => provider === name);
}

function expectWhole(option: string, value: number, least: number, most: number): void {
  expectWithin(option, value, least, most);
  if (Number.isInteger(value)) return;
  throw new ReigniteError('USAGE', `Expected ${option} to be a whole number, got ${value}.`);
}

function expectWithin(option: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new ReigniteError('USAGE', `Expected ${option} from ${least} to ${most}, got ${value}.`);
}

/** Returns the number of channels of the model; undefined if it is not one of nnU-Net. */
type ChannelsOfModel = () => Promise<number | undefined>;

const IMAGE_FILE = /\.(?:png|jpe?g|tiff?)$/i;
const FILES_AT_ONCE = 16;

/**
 * Names the images of the command line: the name of an image without its extension is that of its output files. For an
 * nnU-Net model, a folder means the images in it, and channels in files of their own (`CASE_0000.png`) are one image `CASE`.
 *
 * @throws ReigniteError FILE_MISSING for an image that does not exist and for a missing channel, USAGE when two would write
 *   the same files.
 */
export async function nameImages(
  words: readonly string[],
  channelsOf: ChannelsOfModel,
): Promise<readonly NamedImage[]> {
  const paths: string[] = [];
  const inFolders: Case[] = [];
  for (const word of words) {
    const path = resolve(word);
    const found = await statIfThere(path);
    if (found?.isFile()) paths.push(path);
    else if (found?.isDirectory()) inFolders.push(...(await casesInFolder(path, await channelsOf())));
    else throw notImage(path, 'does not exist');
  }
  return withoutDoubles([...(await casesOfFiles(paths, channelsOf)), ...inFolders]);
}

async function casesInFolder(folder: string, channels: number | undefined): Promise<readonly Case[]> {
  if (channels === undefined) throw notImage(folder, 'is a folder');
  const entries = await readdir(folder, { withFileTypes: true });
  // macOS writes a hidden file, ._NAME, next to each file on some disks.
  const isImage = (name: string) => IMAGE_FILE.test(name) && !name.startsWith('.');
  const names = entries.filter((entry) => !entry.isDirectory() && isImage(entry.name)).map(({ name }) => name);
  if (names.length === 0) {
    throw new ReigniteError('FILE_MISSING', `The folder ${folder} contains no PNG, JPEG or TIFF images.`, {
      remedy: 'Name a folder that directly contains the images, or image files.',
    });
  }
  const files = await givenFiles(names.sort().map((name) => join(folder, name)));
  return groupCases(files, { channels, isFolder: true });
}

/** Opens the model only if a grey file is named like a channel. */
async function casesOfFiles(paths: readonly string[], channelsOf: ChannelsOfModel): Promise<readonly Case[]> {
  const files = await givenFiles(paths);
  const mayBeSets = files.some(({ channels }) => channels === 1);
  return groupCases(files, { channels: (mayBeSets ? await channelsOf() : undefined) ?? 1, isFolder: false });
}

/** Counts the channels of files that are named like channels. */
function givenFiles(paths: readonly string[]): Promise<readonly GivenFile[]> {
  return mapConcurrent(paths, FILES_AT_ONCE, undefined, async (path) => {
    return { path, channels: isNamedAsChannel(path) ? await channelsIn(path) : undefined };
  });
}

/** Returns undefined for a file that cannot be read: its error is that of its prediction. */
async function channelsIn(path: string): Promise<number | undefined> {
  try {
    if (await isSlide(path)) return undefined;
    return (await AcceptedImage.open(path)).header.channels;
  } catch (error) {
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

function withoutDoubles(cases: readonly Case[]): readonly NamedImage[] {
  const byName = new Map<string, string>();
  const images: NamedImage[] = [];
  for (const { name, path, channels } of cases) {
    const other = byName.get(name.toLowerCase());
    if (other === path) continue;
    if (other !== undefined) {
      throw new ReigniteError('USAGE', `${other} and ${path} would write the same files.`, {
        remedy: 'Use different output folders, or rename one of the images.',
      });
    }
    byName.set(name.toLowerCase(), path);
    images.push({ path, name, ...(channels && { channels }) });
  }
  return images;
}

function notImage(path: string, what: string): ReigniteError {
  return new ReigniteError('FILE_MISSING', `The image ${path} ${what}.`, {
    remedy: 'Check the path: name image files, such as folder/*.png.',
  });
}
