import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { PredictionFiles } from './prediction-files.ts';
import { WritePredictionInput } from './prediction-inputs.ts';

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
