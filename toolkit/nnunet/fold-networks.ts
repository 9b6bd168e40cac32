import type { Size } from './tile-grid.ts';

/** The networks of an ensemble, one a fold, as the sliding window needs them. */
export interface FoldNetworks {
  /** Size of a tile, px. */
  readonly patch: Size;
  readonly classes: number;
  readonly folds: number;
  /**
   * Predicts one tile with one fold's network. Both arrays are the network's until the promise settles.
   *
   * @param input - 3 x patch.height x patch.width float32, RGB in [0, 1].
   * @param softmax - Receives patch.height x patch.width x classes float32.
   */
  run(fold: number, input: Float32Array, softmax: Float32Array): Promise<void>;
  /** Gives back the memory of networks that are too large to keep. */
  relax(): Promise<void>;
}
