/** A detector as the detection of an image sees it. */
export interface DetectorModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Side of a tile in px. */
  readonly size: number;
  /** Boxes that the head gives for a tile. */
  readonly rows: number;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /**
   * Runs the network on one tile.
   *
   * @param input - 3 x size x size float32 in [0, 1] (CHW).
   * @param head - Receives rows x (5 + classes) float32: centre x, centre y, width, height in px, objectness, classes.
   * @throws ReigniteError INFERENCE_FAILED.
   */
  run(input: Float32Array, head: Float32Array): Promise<void>;
}
