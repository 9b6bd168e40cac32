import { readOwnCard } from '../../onnx/custom-model/custom-model.ts';
import type { SessionOptions } from '../../onnx/session/session.ts';
import { readModelCard } from '../model-card.ts';
import type { ModelMethod } from '../model-method.ts';
import type { Engine } from '../sliding-window/roi-job.ts';
import type { Size } from '../sliding-window/tile-grid.ts';
import { CustomSegmenter } from './custom-network.ts';
import { OrtFoldNetworks } from './ort-fold-networks.ts';

/** Counters of an ensemble since it was created. */
export interface NetworkCounts {
  /** Sessions of ONNX Runtime that were opened. */
  readonly opened: number;
  /** Bytes of network outputs; on a GPU, copied back from the device. */
  readonly outputBytes: number;
  /** Tiles per pass through the networks; missing if it is one. */
  readonly batch?: number;
}

/** The networks of an ensemble, one per fold, as the sliding window needs them. */
export interface FoldNetworks {
  /** Size of a tile, px. */
  readonly patch: Size;
  /** Outputs per pixel. */
  readonly classes: number;
  /** How inputs are normalised and how outputs become labels. */
  readonly method: ModelMethod;
  readonly folds: number;
  /** Missing if nothing is counted. */
  readonly counts?: NetworkCounts | undefined;
  /**
   * Predicts one tile with the network of one fold. The caller must not touch the arrays until the promise settles.
   *
   * @param input - channels x patch.height x patch.width float32, normalised.
   * @param output - Receives patch.height x patch.width x classes float32: softmax or logits.
   */
  run(fold: number, input: Float32Array, output: Float32Array): Promise<void>;
  /** Frees the memory of networks that are too large to stay open. */
  releaseLargeNetworks(): Promise<void>;
}

/** What is known about an ensemble before any of its networks is open. */
export interface EnsembleOutline extends Pick<FoldNetworks, 'patch' | 'classes' | 'method' | 'folds'> {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
}

/** Networks that report what they run on. */
export interface EngineNetworks extends FoldNetworks, EnsembleOutline {
  /** @throws ReigniteError PROVIDER_UNAVAILABLE, MODEL_UNREADABLE. */
  engine(): Promise<Engine>;
  /** Closes every session. */
  release(): Promise<void>;
}

/**
 * Returns the networks of a converted nnU-Net or a custom ONNX model in a folder of the state directory. Each one is
 * opened when it is first used.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openNetworks(folder: string, options: SessionOptions): Promise<EngineNetworks> {
  const own = await readOwnCard(folder);
  if (own !== undefined) return new CustomSegmenter(folder, own, options);
  return new OrtFoldNetworks(folder, await readModelCard(folder), options);
}

/**
 * Describes the ensemble in a folder of the state directory, without opening a network.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function describeNetworks(folder: string): Promise<EnsembleOutline> {
  const { digest, patch, classes, method, folds } = await openNetworks(folder, {});
  return { digest, patch, classes, method, folds };
}
