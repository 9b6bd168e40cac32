import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import type { ImagePrediction } from '../toolkit/predict/prediction.ts';
import { type ImageFailure, type UsedModel, writePredictionSummary } from '../toolkit/predict/prediction-summary.ts';
import { withHeartbeat } from './heartbeat.ts';
import { PredictionFiles } from './prediction-files.ts';
import { WritePredictionInput } from './prediction-inputs.ts';

/** Of a prediction in which no image came so far. */
const NO_MODEL: UsedModel = { digest: '' };

export interface WrittenPrediction {
  readonly predicted: number;
  readonly failed: number;
}

/** Writes `summary.json` and the table of a prediction from how its images ended. */
export function createWritePrediction(home: HomeFolders) {
  return async function writePrediction(input: WritePredictionInput): Promise<WrittenPrediction> {
    const { order, list } = WritePredictionInput.parse(input);
    return withHeartbeat({ phase: 'gathering' }, async () => {
      const { model, images, failures } = await gather(new PredictionFiles(home, list), list.pages);
      const { task, model: path, out } = order;
      await writePredictionSummary(out, { task, model: { path, ...model }, images, failures });
      return { predicted: images.length, failed: failures.length };
    });
  };
}

async function gather(files: PredictionFiles, pages: number) {
  const images: ImagePrediction[] = [];
  const failures: ImageFailure[] = [];
  let model: UsedModel | undefined;
  for (let page = 0; page < pages; page++) {
    for (const image of await files.readPage(page)) {
      const outcome = (await files.readOutcome(image)) ?? { failure: unknownEnd(image.path) };
      if ('failure' in outcome) failures.push(outcome.failure);
      else {
        images.push(outcome.prediction);
        model = outcome.model;
      }
    }
  }
  return { model: model ?? NO_MODEL, images, failures };
}

/** Of an image whose last attempt could not even note how it ended. */
function unknownEnd(image: string): ImageFailure {
  return {
    image,
    code: 'INTERNAL',
    cause: `Nothing is known of how ${image} ended.`,
    remedy: 'Look at its step in the Temporal UI, then type the same command again.',
  };
}
