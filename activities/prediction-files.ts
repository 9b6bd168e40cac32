import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { type HomeFolders, inside } from '../toolkit/files/folders.ts';
import { PredictionFolder } from '../toolkit/predict/prediction-folder.ts';
import { withHeartbeat } from './heartbeat.ts';
import { NamedImage, ReadImagesInput, WritePredictionInput } from './inputs.ts';

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
