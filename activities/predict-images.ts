import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { canonicalJson } from '../config/digest.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { type HomeFolders, inside } from '../toolkit/files/folders.ts';
import type { ImagePredictor, PredictionEngines } from '../toolkit/predict/prediction.ts';
import { claimOf, failureOf, PredictionFolder } from '../toolkit/predict/prediction-folder.ts';
import { taskNamed } from '../toolkit/tasks/task-named.ts';
import { withHeartbeat } from './heartbeat.ts';
import {
  NamedImage,
  PredictImageInput,
  type PredictionOrder,
  PredictStripInput,
  ReadImagesInput,
  type Strip,
  WritePredictionInput,
} from './inputs.ts';

export interface PredictImageOutcome {
  readonly cached: boolean;
}

/** The activities of a prediction that run networks. */
export function createPredictionSteps(home: HomeFolders, engines: PredictionEngines) {
  const opened = new LastPredictor(home, engines);
  return {
    /**
     * Predicts one image; its files and scores are written to the prediction's folder.
     *
     * May be killed at any time: the next attempt resumes from the finished tiles, or takes the cache entry.
     */
    async predictImage(input: PredictImageInput): Promise<PredictImageOutcome> {
      const { order, image, strips } = PredictImageInput.parse(input);
      return onImage(opened, order, image, async ({ predictor, folder, options }) => {
        const prediction = await predictor.predict(image, { ...options, ...(strips && { strips }) });
        await folder.finish(image, prediction);
        return { cached: prediction.cached };
      });
    },

    /** Splits a slide into strips; returns none if it is small or cached. */
    async planSlide(input: PredictImageInput): Promise<{ readonly strips: readonly Strip[] }> {
      const { order, image } = PredictImageInput.parse(input);
      return onImage(opened, order, image, async ({ predictor, options }) => {
        return { strips: await predictor.strips(image, options) };
      });
    },

    /** Predicts one strip of a slide and stores it in the cache. May be killed at any time, like `predictImage`. */
    async predictStrip(input: PredictStripInput): Promise<PredictImageOutcome> {
      const { order, image, strip } = PredictStripInput.parse(input);
      const about = `${image.name}, tile rows ${strip.first + 1} to ${strip.end}`;
      return onImage(opened, order, { ...image, about }, ({ predictor, options }) =>
        predictor.predictStrip(image, strip, options),
      );
    },
  };
}

interface OpenedImage {
  readonly predictor: ImagePredictor;
  readonly folder: PredictionFolder;
  readonly options: Pick<NonNullable<Parameters<ImagePredictor['predict']>[1]>, 'signal' | 'onProgress' | 'crashes'>;
}

/** Runs `work` on an image with its predictor; records an error that prevents its prediction in the prediction's folder. */
function onImage<Result>(
  opened: LastPredictor,
  order: PredictionOrder,
  { about, ...image }: NamedImage & { readonly about?: string },
  work: (of: OpenedImage) => Promise<Result>,
): Promise<Result> {
  const folder = new PredictionFolder(order.out);
  const signal = Context.current().cancellationSignal;
  const name = about ?? image.name;
  return withHeartbeat({ image: name, phase: 'reading' }, async (beat) => {
    let isOurs = false;
    try {
      const predictor = await opened.of(order, signal);
      await folder.expect(await claimOf(order, predictor.model));
      isOurs = true;
      // Strips share one outcome, which `planSlide` started: the failure of one of them stays recorded.
      if (about === undefined) await folder.begin(image);
      const onProgress = (progress: object) => beat({ image: name, ...progress });
      const result = await work({ predictor, folder, options: { signal, onProgress, crashes: { name, signal } } });
      if (about !== undefined) await folder.recover(image, about);
      return result;
    } catch (error) {
      if (isOurs && !signal.aborted) {
        const failure = failureOf(image, error);
        await (about === undefined ? folder.fail(image, failure) : folder.failPart(image, failure, about));
      }
      throw error;
    }
  });
}

/** Keeps the predictor of the last order: the images of a prediction share one model. */
class LastPredictor {
  readonly #home: HomeFolders;
  readonly #engines: PredictionEngines;
  #last: { readonly key: string; readonly predictor: ImagePredictor } | undefined;

  constructor(home: HomeFolders, engines: PredictionEngines) {
    this.#home = home;
    this.#engines = engines;
  }

  async of(order: PredictionOrder, signal: AbortSignal): Promise<ImagePredictor> {
    const key = canonicalJson(order);
    if (this.#last?.key !== key) {
      this.#last = {
        key,
        predictor: await taskNamed(order.task).openPredictor(order, this.#home, this.#engines, { signal }),
      };
    }
    return this.#last.predictor;
  }
}

/** The images of a prediction, as files of one batch each in the state directory. */
export class PredictionFiles {
  readonly #folder: string;

  constructor(home: HomeFolders, { folder }: { readonly folder: string }) {
    this.#folder = inside(home.runs, folder);
  }

  async writeBatch(batch: number, images: readonly NamedImage[]): Promise<void> {
    await writeFileAtomic(this.#batch(batch), JSON.stringify(images));
  }

  async readBatch(batch: number): Promise<NamedImage[]> {
    const path = this.#batch(batch);
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw new ReigniteError('FILE_MISSING', `The list of images ${path} is missing.`, {
        cause,
        remedy: 'Run the same `npx reignite predict --run` again; it rewrites the list.',
      });
    });
    return z.array(NamedImage).parse(JSON.parse(text));
  }

  /** Reads all images, in order. @throws What `readBatch` throws. */
  async readAll(batches: number): Promise<readonly NamedImage[]> {
    const images: NamedImage[] = [];
    for (let batch = 0; batch < batches; batch++) images.push(...(await this.readBatch(batch)));
    return images;
  }

  #batch(batch: number): string {
    return join(this.#folder, `images-${String(batch).padStart(5, '0')}.json`);
  }
}

/** Reads one batch of a prediction's images. A local activity, because it need not appear in the timeline. */
export function createReadImages(home: HomeFolders) {
  return async function readImages(input: ReadImagesInput): Promise<NamedImage[]> {
    const { list, batch } = ReadImagesInput.parse(input);
    return new PredictionFiles(home, list).readBatch(batch);
  };
}

export interface WrittenPrediction {
  readonly predicted: number;
  readonly failed: number;
}

/** Writes `summary.json` and the table of a prediction's folder from the outcomes of its images. */
export function createWritePrediction(home: HomeFolders) {
  return async function writePrediction(input: WritePredictionInput): Promise<WrittenPrediction> {
    const { order, list } = WritePredictionInput.parse(input);
    return withHeartbeat({ phase: 'writing the tables' }, async () => {
      const images = await new PredictionFiles(home, list).readAll(list.batches);
      const { failures } = await new PredictionFolder(order.out).writeSummary(images);
      const paths = new Set(images.map(({ path }) => path));
      const failed = failures.filter(({ image }) => paths.has(image)).length;
      return { predicted: images.length - failed, failed };
    });
  };
}
