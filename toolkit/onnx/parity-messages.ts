/** A model whose form in runs and plain form are compared. */
export interface ParityRequest {
  readonly path: string;
  /** As in `SessionOptions`. */
  readonly laidOut: boolean;
  readonly input: string;
  /** Every axis, outermost first. */
  readonly shape: readonly number[];
  /** What the probe's values lie between. */
  readonly range: readonly [number, number];
  readonly output: string;
}

export interface ParityAnswer {
  /** Largest absolute difference of two outputs. */
  readonly maxDifference: number;
  /** Smallest and largest value of the output. */
  readonly outputRange: readonly [number, number];
  readonly elements: number;
  readonly ortVersion: string;
}
