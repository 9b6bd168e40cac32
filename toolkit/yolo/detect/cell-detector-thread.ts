import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { adapterNames } from '../../onnx/session/engine-choice.ts';
import { type RequestWatch, serveRequests } from '../../onnx/session/inference-thread.ts';
import { detectSlide, selectSlideCells } from '../../slide/infer/detect-slide.ts';
import type {
  DetectionJob,
  DetectionProgress,
  DetectionResult,
  DetectorAnswer,
  DetectorEngine,
  DetectorJob,
  DetectorRequest,
  SlideCellsJob,
  SlideCellsProgress,
  SlideCellsResult,
} from './cell-detector.ts';
import { detectImage } from './detect-image.ts';
import type { DetectionIdentity } from './detection-files.ts';
import { type EngineDetector, openDetector } from './open-detector.ts';

/** Raised whenever the candidates of a tile or the format of their files change. */
const PARTIAL_SCHEMA = '1';

let loaded: { readonly key: string; readonly detector: EngineDetector } | undefined;

/** Opens the detector of a job. Keeps that of the last job open, because a run uses one model for hundreds of images. */
async function detectorOf({ modelDir, provider, threads, device, batchSize }: DetectorJob): Promise<EngineDetector> {
  const key = JSON.stringify([modelDir, provider, threads, device, batchSize]);
  if (loaded?.key === key) return loaded.detector;
  await release();
  const detector = await openDetector(modelDir, {
    ...(provider !== undefined && { provider }),
    ...(threads !== undefined && { threads }),
    ...(device !== undefined && { device }),
    ...(batchSize !== undefined && { batchSize }),
  });
  loaded = { key, detector };
  return detector;
}

async function release(): Promise<void> {
  await loaded?.detector.release();
  loaded = undefined;
}

/** Returns what the candidates depend on of the machine. */
function engineIdentity(engine: DetectorEngine): DetectionIdentity {
  const { provider, ortVersion, instructionSet, batchSize } = engine;
  const batches = batchSize === undefined ? {} : { batchSize: String(batchSize) };
  return { provider, ...adapterNames(engine), ortVersion, instructionSet, ...batches };
}

async function detect(job: DetectionJob, watch: RequestWatch<DetectionProgress>): Promise<DetectionResult> {
  const start = performance.now();
  watch.signal.throwIfAborted();
  const detector = await detectorOf(job);
  const { engine } = detector;
  const identity = {
    schema: PARTIAL_SCHEMA,
    model: detector.digest,
    image: job.imageSha256 ?? (await sha256OfFile(job.image)),
    recorded: String(job.floor),
    ...(job.view && { view: JSON.stringify(job.view) }),
    ...engineIdentity(engine),
  };
  const detected = await detectImage(job, detector, identity, watch);
  return {
    ...detected,
    ...engine,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Raised whenever the candidates of a slide's tile or the format of their files change. */
const SLIDE_SCHEMA = '2';

async function detectOnSlide(job: SlideCellsJob, watch: RequestWatch<SlideCellsProgress>): Promise<SlideCellsResult> {
  const start = performance.now();
  watch.signal.throwIfAborted();
  const detector = await detectorOf(job);
  const { engine } = detector;
  const { tissue, rows, floor } = job;
  const identity = {
    schema: `slide ${SLIDE_SCHEMA}`,
    model: detector.digest,
    slide: job.slideSha256,
    view: JSON.stringify([job.choice, job.target]),
    tissue: tissue === undefined ? 'everywhere' : sha256Of(`${tissue.block} ${tissue.width} ${tissue.data.join('')}`),
    recorded: String(floor),
    rows: rows === undefined ? 'all' : `${rows.first} to ${rows.end}`,
    ...engineIdentity(engine),
  };
  const detected = await detectSlide(job, detector, identity, watch);
  return { ...detected, ...engine, notes: [], seconds: (performance.now() - start) / 1000 };
}

serveRequests<DetectorRequest, DetectorAnswer, DetectionProgress>(async (request, watch) => {
  if (request.kind === 'probe') return { kind: 'probed', engine: (await detectorOf(request.job)).engine };
  if (request.kind === 'select-slide-cells')
    return { kind: 'selected-slide-cells', result: await selectSlideCells(request.job, watch) };
  if (request.kind === 'slide') return { kind: 'detected-slide', result: await detectOnSlide(request.job, watch) };
  return { kind: 'detected', result: await detect(request.job, watch) };
}, release);
