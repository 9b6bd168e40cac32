import { FileDigests } from '../toolkit/cache/file-digests.ts';
import { StepCache } from '../toolkit/cache/step-cache.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { createRoiSegmenter } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { createCellDetector } from '../toolkit/yolo/detect/cell-detector.ts';
import { createPredictImage } from './predict/predict-image.ts';
import { createInferRoi } from './task/infer-roi.ts';
import { createMeasureTask } from './task/measure-task.ts';
import { createProbeInference } from './task/probe-inference.ts';

/** What runs networks. */
export function createInferenceActivities(home: HomeFolders) {
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
  return {
    probeInference: createProbeInference(home, engines),
    inferRoi: createInferRoi({ ...services, engines }),
    measureTask: createMeasureTask({ ...services, engines }),
    predictImage: createPredictImage(home, engines),
  };
}
export type InferenceActivities = ReturnType<typeof createInferenceActivities>;
