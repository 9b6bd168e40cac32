import { FileDigests } from '../toolkit/cache/file-digests.ts';
import { StepCache } from '../toolkit/cache/step-cache.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { createRoiSegmenter } from '../toolkit/nnunet/roi-segmenter.ts';
import { createCellDetector } from '../toolkit/yolov5/cell-detector.ts';
import { createDetectCells } from './detect-cells.ts';
import { createPredictImage } from './predict-image.ts';
import { createProbeInference } from './probe-inference.ts';
import { createRedetectNuclei } from './redetect-nuclei.ts';
import { createResegmentRounded } from './resegment-rounded.ts';
import { createSegmentRoi } from './segment-roi.ts';

/** What runs networks. */
export function createInferenceActivities(home: HomeFolders) {
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
  return {
    probeInference: createProbeInference(home, engines),
    segmentRoi: createSegmentRoi({ ...services, ...engines }),
    detectCells: createDetectCells({ ...services, ...engines }),
    resegmentRounded: createResegmentRounded({ ...services, ...engines }),
    predictImage: createPredictImage(home, engines),
    redetectNuclei: createRedetectNuclei({ ...services, ...engines }),
  };
}
export type InferenceActivities = ReturnType<typeof createInferenceActivities>;
