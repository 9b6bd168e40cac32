import type { ModelMethod } from './model-method.ts';
import type { Size } from './tile-grid.ts';

/** The networks of an ensemble, one a fold, as the sliding window needs them. */
export interface FoldNetworks {
  /** Size of a tile, px. */
  readonly patch: Size;
  /** Outputs a pixel. */
  readonly classes: number;
  /** What they take, and what is made of their outputs. */
  readonly method: ModelMethod;
  readonly folds: number;
  /**
   * Predicts one tile with one fold's network. Both arrays are the network's until the promise settles.
   *
   * @param input - channels x patch.height x patch.width float32, normalised.
   * @param output - Receives patch.height x patch.width x classes float32: softmax or logits.
   */
  run(fold: number, input: Float32Array, output: Float32Array): Promise<void>;
  /** Gives back the memory of networks that are too large to keep. */
  relax(): Promise<void>;
}
