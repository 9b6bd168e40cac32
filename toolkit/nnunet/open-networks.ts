import { readOwnCard } from '../onnx/own-model.ts';
import type { SessionOptions } from '../onnx/session.ts';
import type { FoldNetworks } from './fold-networks.ts';
import { readModelCard } from './model-card.ts';
import { OrtFoldNetworks } from './ort-fold-networks.ts';
import { OwnNetwork } from './own-network.ts';
import type { Engine } from './roi-job.ts';

/** What is known of an ensemble before any of its networks is open. */
export interface EnsembleOutline extends Pick<FoldNetworks, 'patch' | 'classes' | 'method' | 'folds'> {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
}

/** Networks that say what they run on. */
export interface EngineNetworks extends FoldNetworks, EnsembleOutline {
  /** @throws ReigniteError PROVIDER_UNAVAILABLE, MODEL_UNREADABLE. */
  engine(): Promise<Engine>;
  /** Closes every session. */
  release(): Promise<void>;
}

/**
 * The networks that a folder of the home holds, of a converted nnU-Net or of an ONNX model of the user's; each is opened
 * when it is first needed.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openNetworks(folder: string, options: SessionOptions): Promise<EngineNetworks> {
  const own = await readOwnCard(folder);
  if (own !== undefined) return new OwnNetwork(folder, own, options);
  return new OrtFoldNetworks(folder, await readModelCard(folder), options);
}

/**
 * What a folder of the home holds.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function describeNetworks(folder: string): Promise<EnsembleOutline> {
  const { digest, patch, classes, method, folds } = await openNetworks(folder, {});
  return { digest, patch, classes, method, folds };
}
