/** One tensor of a checkpoint: described now, read when asked. */
export interface StateTensor {
  readonly shape: readonly number[];
  /** Reads the elements in C order, widened to float32. */
  readonly read: () => Promise<Float32Array>;
}

/** Parameters and buffers of a network by name, in the order of the checkpoint. */
export type StateDict = ReadonlyMap<string, StateTensor>;
