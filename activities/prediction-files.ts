import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { inside } from '../toolkit/files/inside.ts';
import type { ImagePrediction } from '../toolkit/predict/prediction.ts';
import { ImageFailure, PredictedImage, UsedModel } from '../toolkit/predict/prediction-summary.ts';
import { NamedImage } from './prediction-inputs.ts';

const Outcome = z.union([
  z.object({ model: UsedModel, prediction: PredictedImage }),
  z.object({ failure: ImageFailure }),
]);

/** How one image ended: predicted by that model, or not at all. */
export type PredictionOutcome =
  | { readonly model: UsedModel; readonly prediction: ImagePrediction }
  | { readonly failure: ImageFailure };

/** The files of a prediction in the home: its images, in pages, and how each ended. */
export class PredictionFiles {
  readonly #folder: string;

  constructor(home: HomeFolders, { folder }: { readonly folder: string }) {
    this.#folder = inside(home.runs, folder);
  }

  async writePage(page: number, images: readonly NamedImage[]): Promise<void> {
    await writeFileAtomic(this.#page(page), JSON.stringify(images));
  }

  async readPage(page: number): Promise<NamedImage[]> {
    const path = this.#page(page);
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw new ReigniteError('FILE_MISSING', `There is no list of images ${path}.`, {
        cause,
        remedy: 'Type the same `npx reignite predict --run` again: it writes the list.',
      });
    });
    return z.array(NamedImage).parse(JSON.parse(text));
  }

  async writeOutcome(image: NamedImage, outcome: PredictionOutcome): Promise<void> {
    await writeFileAtomic(this.#outcome(image), JSON.stringify(outcome));
  }

  /** How an image ended; undefined when nothing was noted of it. */
  async readOutcome(image: NamedImage): Promise<PredictionOutcome | undefined> {
    try {
      return Outcome.parse(JSON.parse(await readFile(this.#outcome(image), 'utf8')));
    } catch {
      return undefined;
    }
  }

  #page(page: number): string {
    return join(this.#folder, `images-${String(page).padStart(5, '0')}.json`);
  }

  #outcome({ name }: NamedImage): string {
    return inside(join(this.#folder, 'outcomes'), `${name}.json`);
  }
}
