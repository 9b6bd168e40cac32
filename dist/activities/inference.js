import { FileDigests } from '../toolkit/cache/file-digests.js';
import { StepCache } from '../toolkit/cache/step-cache.js';
import { createRoiSegmenter } from '../toolkit/nnunet/roi-segmenter.js';
import { createCellDetector } from '../toolkit/yolov5/cell-detector.js';
import { createDetectCells } from './detect-cells.js';
import { createPredictImage } from './predict-image.js';
import { createProbeInference } from './probe-inference.js';
import { createRedetectNuclei } from './redetect-nuclei.js';
import { createResegmentRounded } from './resegment-rounded.js';
import { createSegmentRoi } from './segment-roi.js';
/** What runs networks. */
export function createInferenceActivities(home) {
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
