import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { adapterNames } from '../../onnx/provider/adapter.ts';
import { segmentSlide } from '../../slide/predict/segment-slide.ts';
import type { SlideJob, SlideProgress, SlideResult } from '../../slide/predict/slide-job.ts';
import { type RequestWatch, serveRequests } from '../../threads/serve-requests.ts';
import { describeNetworks } from '../networks/open-networks.ts';
import { ThreadedNetworks } from '../networks/threaded-networks.ts';
import type { Engine, ModelJob, RoiJob, RoiProgress, SegmentResult } from './roi-job.ts';
import { segmentRoi } from './segment-roi.ts';

/** What a segmenter asks its thread. */
export type SegmenterRequest =
  | { readonly kind: 'segment'; readonly job: RoiJob }
  | { readonly kind: 'slide'; readonly job: SlideJob }
  | { readonly kind: 'probe'; readonly job: ModelJob };

export type SegmenterAnswer =
  | { readonly kind: 'segmented'; readonly result: SegmentResult | SlideResult }
  | { readonly kind: 'probed'; readonly engine: Engine };

/** Raised whenever the order of sums or the files of a partial ROI change. */
const PARTIAL_SCHEMA = '3';

let loaded: { readonly key: string; readonly networks: ThreadedNetworks } | undefined;

/** Keeps the networks of the last job: a run segments hundreds of ROIs with one model. */
async function networksOf({ modelDir, provider, threads, keptBytes }: ModelJob): Promise<ThreadedNetworks> {
  const { digest } = await describeNetworks(modelDir);
  const key = JSON.stringify([modelDir, digest, provider, threads, keptBytes]);
  if (loaded?.key === key) return loaded.networks;
  await release();
  const networks = await ThreadedNetworks.open({
    modelDir,
    ...(provider !== undefined && { provider }),
    ...(threads !== undefined && { threads }),
    ...(keptBytes !== undefined && { keptBytes }),
  });
  loaded = { key, networks };
  return networks;
}

async function release(): Promise<void> {
  await loaded?.networks.close();
  loaded = undefined;
}

async function segment(job: RoiJob, watch: RequestWatch<RoiProgress>): Promise<SegmentResult> {
  const start = performance.now();
  const networks = await networksOf(job);
  const { engine } = networks;
  const identity = {
    schema: PARTIAL_SCHEMA,
    ...(job.rounding !== undefined && { rounding: job.rounding }),
    engine: 'exact',
    model: networks.digest,
    image: job.imageSha256 ?? (await sha256OfFile(job.image)),
    scope: job.scope,
    ...(job.scope === 'annotated' && job.truth !== undefined && { truth: await sha256OfFile(job.truth) }),
    provider: engine.provider,
    ...adapterNames(engine),
    ortVersion: engine.ortVersion,
    instructionSet: engine.instructionSet,
  };
  const segmented = await segmentRoi(job, networks, identity, watch);
  const { counts } = networks;
  return {
    ...segmented,
    ...engine,
    ...(counts !== undefined && { counts }),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Raised whenever the files of a slide's partial result change. */
const SLIDE_SCHEMA = '1';

async function segmentWholeSlide(job: SlideJob, watch: RequestWatch<SlideProgress>): Promise<SegmentResult> {
  const start = performance.now();
  const networks = await networksOf(job);
  const { engine } = networks;
  const { tissue, rows } = job;
  const identity = {
    schema: `slide ${SLIDE_SCHEMA}`,
    engine: 'exact',
    model: networks.digest,
    slide: job.slideSha256,
    view: JSON.stringify([job.choice, job.target]),
    tissue: tissue === undefined ? 'everywhere' : sha256Of(`${tissue.block} ${tissue.width} ${tissue.data.join('')}`),
    rows: rows === undefined ? 'all' : `${rows.first} to ${rows.end}`,
    provider: engine.provider,
    ...adapterNames(engine),
    ortVersion: engine.ortVersion,
    instructionSet: engine.instructionSet,
  };
  const segmented = await segmentSlide(job, networks, identity, watch);
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  return { ...segmented, ...engine, peakRssBytes, seconds: (performance.now() - start) / 1000 };
}

serveRequests<SegmenterRequest, SegmenterAnswer, RoiProgress>(async (request, watch) => {
  if (request.kind === 'probe') return { kind: 'probed', engine: (await networksOf(request.job)).engine };
  if (request.kind === 'slide') return { kind: 'segmented', result: await segmentWholeSlide(request.job, watch) };
  return { kind: 'segmented', result: await segment(request.job, watch) };
}, release);
