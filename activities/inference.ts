import type { HomeFolders } from '../toolkit/files/folders.ts';
import { createRoiSegmenter, startSegmenterThread } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import type { RunStorage } from '../toolkit/storage/run-storage.ts';
import { createCellDetector } from '../toolkit/yolo/detect/cell-detector.ts';
import { createPredictionSteps } from './predict-images.ts';
import { createInferRoi, createMeasureTask, createProbeInference } from './task/infer-roi.ts';
import { servicesOf } from './task/work-of.ts';

/** Resources of an inference worker. */
export interface InferenceMeans {
  /** Size limit of fetched files, on a worker without the folders of its runs. */
  readonly scratchBytes?: number;
  /** Number of the GPU for CUDA, overriding the runs' setting. Default: the runs' setting. */
  readonly device?: number;
}

/** The activities that run networks. */
export function createInferenceActivities(
  home: HomeFolders,
  storage?: RunStorage,
  { scratchBytes, device }: InferenceMeans = {},
) {
  const services = servicesOf(home, storage, scratchBytes);
  const fixed = device === undefined ? {} : { device };
  const engines = {
    segmenter: createRoiSegmenter({}, startSegmenterThread, fixed),
    detector: createCellDetector({}, fixed),
  };
  return {
    probeInference: createProbeInference(services, engines),
    inferRoi: createInferRoi({ ...services, engines }),
    measureTask: createMeasureTask({ ...services, engines }),
    ...createPredictionSteps(home, engines),
  };
}
export type InferenceActivities = ReturnType<typeof createInferenceActivities>;
