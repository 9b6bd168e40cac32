import { ReigniteError } from '../../errors.ts';
import { type Precision, precisionOn } from '../../onnx/session/engine-choice.ts';
import { knownModelCard, type ModelCard } from '../model-card.ts';
import {
  describeNetworks,
  type EnsembleOutline,
  type NetworkCounts,
  ThreadedNetworks,
} from '../networks/open-networks.ts';
import type { Engine, EnsembleOptions, ModelJob } from '../sliding-window/roi-segmenter.ts';
import { exactPass, type ImageNetworks, type PassOver } from '../sliding-window/segment-roi.ts';
import { RowsNetwork } from './rows-network.ts';
import { DeviceRows, HostRows } from './rows-pass.ts';

/** An ensemble that is ready to predict images. */
export interface ImageEnsemble extends ImageNetworks {
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
export function ensembleOptions(job: EnsembleOptions): EnsembleOptions {
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
export async function openEnsemble(job: ModelJob): Promise<ImageEnsemble> {
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
