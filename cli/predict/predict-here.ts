import type { Task } from '../../config/tasks.ts';
import type { ErrorCode } from '../../toolkit/errors.ts';
import { type HomeFolders, makePrivateHome } from '../../toolkit/files/folders.ts';
import { timeText } from '../../toolkit/format.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import type { ImagePrediction, NamedImage, PredictionOrder } from '../../toolkit/predict/prediction.ts';
import { claimOf, failureOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import {
  describeFailure,
  type ImageFailure,
  type PredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../toolkit/yolo/detect/cell-detector.ts';
import { fitted, printStep } from '../output.ts';

/** Without a terminal, a line is printed per tenth of an image, but not more often than this. */
const MS_BETWEEN_LINES = 2_000;
const SHARES = 10;

interface Step {
  readonly phase: string;
  readonly tile?: number;
  readonly of?: number;
  /** Set for a slide, before its first tile. */
  readonly expectedSeconds?: number;
  readonly tiles?: number;
  readonly tilesTotal?: number;
}

const PHASES: Readonly<Record<string, string>> = {
  encode: 'writing the mask',
  write: 'writing the cells',
  draw: 'drawing overlay and outlines',
};

type Stream = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** Shows the progress of a prediction on stderr: as one changing line on a terminal, as plain lines elsewhere. */
class PredictionProgress {
  readonly #images: number;
  readonly #isTerminal: boolean;
  readonly #stream: Stream;
  readonly #write: (text: string) => void;
  #image = '';
  #number = 0;
  #lastShare = -1;
  #lastLine = 0;
  #isOpen = false;

  constructor(images: number, stream: Stream) {
    this.#images = images;
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true;
    this.#write = (text) => void stream.write(text);
  }

  /** Starts the next image. */
  begin(image: string): void {
    this.end();
    this.#image = image;
    this.#number++;
    this.#lastShare = -1;
    this.#lastLine = 0;
    this.#show('reading');
  }

  /** Reports the progress of an image; the network reports per tile. */
  step({ phase, tile, of, ...expected }: Step, task: Task): void {
    if (expected.expectedSeconds !== undefined) this.#expect(expected);
    if (tile === undefined || of === undefined || of === 0 || !(phase === 'predict' || phase === 'detect')) {
      this.#show(PHASES[phase] ?? phase);
      return;
    }
    const share = Math.floor((tile * SHARES) / of);
    const isDue = share !== this.#lastShare && Date.now() - this.#lastLine >= MS_BETWEEN_LINES;
    if (!this.#isTerminal && !isDue) return;
    this.#lastShare = share;
    const { passes } = taskNamed(task);
    this.#show(`${tile} of ${of} ${passes} (${Math.floor((100 * tile) / of)} %)`);
  }

  /** Prints the amount of work before a slide is started. */
  #expect({ expectedSeconds = 0, tiles = 0, tilesTotal = 0 }: Omit<Step, 'phase'>): void {
    const share = tilesTotal === 0 ? 0 : Math.round((100 * tiles) / tilesTotal);
    this.say(
      `${this.#image}: ${tiles} of ${tilesTotal} tiles to predict (${share} %); expected time ${timeText(expectedSeconds)}`,
    );
  }

  /** Prints a permanent line. */
  say(text: string): void {
    this.end();
    this.#write(`${fitted(text, this.#stream)}\n`);
  }

  /** Clears the changing line. */
  end(): void {
    if (this.#isOpen) this.#write('\r\u001b[K');
    this.#isOpen = false;
  }

  #show(what: string): void {
    const place = `image ${this.#number} of ${this.#images}: `;
    const text = `${place}${this.#image}: ${what}`;
    this.#lastLine = Date.now();
    // The changing line must not wrap: wrapped rows cannot be overwritten.
    const room = (this.#stream.columns ?? Number.POSITIVE_INFINITY) - 1;
    if (this.#isTerminal) this.#write(`\r\u001b[K${text.length <= room ? text : `${place}${what}`.slice(0, room)}`);
    else this.#write(`${text}\n`);
    this.#isOpen = this.#isTerminal;
  }
}

/** How often the tables are written during prediction: if the command is killed, they are almost complete. */
const MS_BETWEEN_TABLES = 5_000;
/** Errors that would occur for every other image too. */
const OF_ALL_IMAGES: ReadonlySet<ErrorCode> = new Set(['NO_SPACE', 'MODEL_UNREADABLE', 'PROVIDER_UNAVAILABLE']);

/**
 * Predicts images one by one in this process; no server is needed. Finished images are kept when it is interrupted.
 * Failed images are listed in the summary, and the others are predicted.
 *
 * @returns The summary of everything in the folder.
 * @throws What `openPredictor` and the folder throw; an error that prevents all predictions.
 */
export async function predictHere(
  order: PredictionOrder,
  images: readonly NamedImage[],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<PredictionSummary> {
  await makePrivateHome(home.home, printStep);
  const progress = new PredictionProgress(images.length, process.stderr);
  const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
  const folder = new PredictionFolder(order.out);
  const lock = await folder.lock();
  try {
    const stop = AbortSignal.any([signal, lock.lost]);
    const onConverted = (done: number, of: number) => progress.say(`fold ${done} of ${of} converted to ONNX`);
    const predictor = await taskNamed(order.task).openPredictor(order, home, engines, {
      signal: stop,
      onConverted,
    });
    await folder.claim(await claimOf(order, predictor.model));
    await folder.refuseUnwritable(order.task, images);
    const predict = (image: NamedImage) => {
      progress.begin(image.name);
      return predictor.predict(image, { signal: stop, onProgress: (step) => progress.step(step, order.task) });
    };
    await predictAll(
      images,
      folder,
      order.task,
      predict,
      // The error of a single image is the error of the command.
      (failure) => images.length > 1 && progress.say(describeFailure(failure)),
      stop,
    ).catch(async (error: unknown) => {
      if (!lock.lost.aborted) await folder.writeSummary(images);
      throw error;
    });
    return await folder.writeSummary(images);
  } finally {
    progress.end();
    await lock.release();
    await engines.segmenter.close();
    await engines.detector.close();
  }
}

async function predictAll(
  images: readonly NamedImage[],
  folder: PredictionFolder,
  task: Task,
  predict: (image: NamedImage) => Promise<ImagePrediction>,
  onFailure: (failure: ImageFailure) => unknown,
  signal: AbortSignal,
): Promise<void> {
  let written = Date.now();
  for (const image of images) {
    await folder.begin(image);
    try {
      await folder.finish(image, await predict(image));
    } catch (error) {
      if (signal.aborted) {
        await folder.abandon(task, image);
        throw signal.reason;
      }
      const failure = failureOf(image, error);
      await folder.fail(image, failure);
      if (OF_ALL_IMAGES.has(failure.code)) throw error;
      onFailure(failure);
    }
    if (Date.now() - written < MS_BETWEEN_TABLES) continue;
    await folder.writeSummary(images);
    written = Date.now();
  }
}
