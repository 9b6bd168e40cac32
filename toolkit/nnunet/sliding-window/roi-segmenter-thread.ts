import { ReigniteError } from '../../errors.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import {
  adapterNames,
  type Engine,
  engineParts,
  isRealGpu,
  type Precision,
  precisionOn,
} from '../../onnx/session/engine-choice.ts';
import { type RequestWatch, serveRequests } from '../../onnx/session/inference-thread.ts';
import { segmentSlide } from '../../slide/infer/segment-slide.ts';
import { RowsNetwork } from '../fast/rows-network.ts';
import { DeviceRows, HostRows } from '../fast/rows-pass.ts';
import { knownModelCard, type ModelCard } from '../model-card.ts';
import { describeNetworks, type EnsembleOutline, ThreadedNetworks } from '../networks/open-networks.ts';
import type { NetworkCounts } from '../networks/ort-fold-networks.ts';
import type {
  EnsembleOptions,
  ModelJob,
  RoiJob,
  RoiProgress,
  SegmenterAnswer,
  SegmenterRequest,
  SegmentResult,
  SlideJob,
  SlideProgress,
} from './roi-segmenter.ts';
import { exactPass, type ImageNetworks, type PassOver, segmentWith } from './segment-roi.ts';
import { decodeFor, ImageAhead } from './tiled-roi.ts';

/** Raised whenever the order of sums or the files of a partial ROI change. */
const PARTIAL_SCHEMA = '3';

/** Time between commits on a GPU, ms: the most work that a kill can cost. */
const COMMIT_MS_ON_GPU = 3_000;

interface LoadedModel {
  readonly key: string;
  readonly ensemble: ImageEnsemble;
  readonly ahead: ImageAhead;
}

let loaded: LoadedModel | undefined;

/** Opens the networks of a job or reuses those of the last one, because a run segments hundreds of ROIs with one model. */
async function load(job: ModelJob): Promise<LoadedModel> {
  const { digest } = await describeNetworks(job.modelDir);
  const options = ensembleOptions(job);
  const key = JSON.stringify([job.modelDir, digest, options]);
  if (loaded?.key === key) return loaded;
  await release();
  const ensemble = await openEnsemble({ modelDir: job.modelDir, ...options });
  loaded = { key, ensemble, ahead: new ImageAhead((path) => decodeFor(path, ensemble.method)) };
  return loaded;
}

async function release(): Promise<void> {
  await loaded?.ensemble.close();
  loaded = undefined;
}

async function segment(job: RoiJob, watch: RequestWatch<RoiProgress>): Promise<SegmentResult> {
  const start = performance.now();
  const { ensemble, ahead } = await load(job);
  const { engine } = ensemble;
  const image = job.imageSha256 ?? (await sha256OfFile(job.image));
  const identity = {
    schema: PARTIAL_SCHEMA,
    ...(job.rounding !== undefined && { rounding: job.rounding }),
    ...engineParts(engine),
    model: ensemble.digest,
    image,
    scope: job.scope,
    ...(job.scope === 'annotated' && job.truth !== undefined && { truth: await sha256OfFile(job.truth) }),
    provider: engine.provider,
    ...adapterNames(engine),
    ortVersion: engine.ortVersion,
    instructionSet: engine.instructionSet,
  };
  // On GPUs, writing the files of a step takes longer than the step.
  const isGpu = isRealGpu(engine);
  const commitMs = isGpu ? COMMIT_MS_ON_GPU : 0;
  const decode = async (path: string) => {
    const pixels = await ahead.pixels(path, image);
    if (isGpu && job.following !== undefined) ahead.start(job.following);
    return pixels;
  };
  const segmented = await segmentWith(job, ensemble, ensemble.passOver, identity, { ...watch, commitMs, decode });
  const { counts } = ensemble;
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
  const { engine, networks, digest } = (await load(job)).ensemble;
  if (networks === undefined || engine.engine !== undefined) {
    throw new ReigniteError('ENGINE_UNSUPPORTED', `The fast engine does not segment slides, such as ${job.slide}.`);
  }
  const { tissue, rows } = job;
  const identity = {
    schema: `slide ${SLIDE_SCHEMA}`,
    engine: 'exact',
    model: digest,
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

/** An ensemble that is ready to predict images. */
interface ImageEnsemble extends ImageNetworks {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  readonly engine: Engine;
  readonly counts?: NetworkCounts | undefined;
  readonly passOver: PassOver;
  /** The networks of the folds; missing if one graph runs them all. */
  readonly networks?: ThreadedNetworks;
  close(): Promise<void>;
}

/** Selects the options of a job that determine how an ensemble is opened. */
function ensembleOptions(job: EnsembleOptions): EnsembleOptions {
  const { provider, threads, keptBytes, device, engine, precision, batchSize, sums } = job;
  return {
    ...(provider !== undefined && { provider }),
    ...(threads !== undefined && { threads }),
    ...(keptBytes !== undefined && { keptBytes }),
    ...(device !== undefined && { device }),
    ...(engine !== undefined && { engine }),
    ...(precision !== undefined && { precision }),
    ...(batchSize !== undefined && { batchSize }),
    ...(sums !== undefined && { sums }),
  };
}

/**
 * Opens the networks of a model for the engine that the job names.
 *
 * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE; ENGINE_UNSUPPORTED if the fast engine cannot run them.
 */
async function openEnsemble(job: ModelJob): Promise<ImageEnsemble> {
  if (job.engine !== 'fast') return onHost(await ThreadedNetworks.open(job), exactPass);
  const card = await knownModelCard(job.modelDir);
  const outline = await describeNetworks(job.modelDir);
  if (card === undefined) {
    const message = `The fast engine runs nnU-Net models; ${job.modelDir} holds an ONNX model from elsewhere.`;
    throw new ReigniteError('ENGINE_UNSUPPORTED', message);
  }
  // `auto` chooses a provider when the first network is opened.
  const networks = await ThreadedNetworks.open(job);
  const isOnDevice = (job.sums ?? (networks.engine.provider === 'cuda' ? 'device' : 'host')) === 'device';
  if (!isOnDevice && job.precision === 'float16') {
    await networks.close();
    throw halfRefused(networks.engine);
  }
  if (!isOnDevice) {
    return onHost(networks, (each) => (roi, partial, before) => new HostRows(roi, each, partial, before), 'float32');
  }
  await networks.close();
  return onDevice(job, outline, card, networks.engine);
}

function onHost(
  networks: ThreadedNetworks,
  passOf: (networks: ThreadedNetworks) => PassOver,
  precision?: Precision,
): ImageEnsemble {
  const { digest, engine, patch, method, folds } = networks;
  return {
    digest,
    engine: precision === undefined ? engine : { ...engine, engine: 'fast', precision },
    patch,
    method,
    folds,
    get counts() {
      return networks.counts;
    },
    passOver: passOf(networks),
    networks,
    releaseLargeNetworks: () => networks.releaseLargeNetworks(),
    close: () => networks.close(),
  };
}

async function onDevice(
  job: ModelJob,
  { digest }: EnsembleOutline,
  card: ModelCard,
  engine: Engine,
): Promise<ImageEnsemble> {
  const { provider } = engine;
  const { batchSize = 0 } = job;
  const precision = precisionOn(provider, job.precision);
  const network = await RowsNetwork.open(job.modelDir, card, {
    provider,
    precision,
    batch: batchSize,
    session: job,
  });
  return {
    digest,
    engine: { ...engine, engine: 'fast', precision, batchSize },
    patch: network.patch,
    method: network.method,
    folds: network.folds,
    get counts() {
      return network.counts;
    },
    passOver: (roi, partial, before) => new DeviceRows(roi, network, partial, before),
    releaseLargeNetworks: () => network.releaseLargeNetworks(),
    close: () => network.close(),
  };
}

function halfRefused({ provider }: Engine): ReigniteError {
  return new ReigniteError(
    'ENGINE_UNSUPPORTED',
    `The fast engine computes in float16 on CUDA only, not on ${provider}.`,
    { remedy: 'Set `inference.precision` to auto or float32, or `inference.provider` to cuda.' },
  );
}

serveRequests<SegmenterRequest, SegmenterAnswer, RoiProgress>(async (request, watch) => {
  if (request.kind === 'probe') return { kind: 'probed', engine: (await load(request.job)).ensemble.engine };
  if (request.kind === 'slide') return { kind: 'segmented', result: await segmentWholeSlide(request.job, watch) };
  return { kind: 'segmented', result: await segment(request.job, watch) };
}, release);
