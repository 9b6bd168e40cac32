import type { Interval } from '../verdict/verdict-file.ts';

/** A number of an evaluation with what stands beside it. */
export interface ScoreRow {
  readonly label: string;
  /** Null for what cannot be scored: a pair without images in common, a class without truth. */
  readonly value: number | null;
  /** What a null value means, in words. */
  readonly without: 'absent' | 'no image in common';
  readonly interval?: Interval;
  /** The same number of the published predictions; missing where they are not compared. */
  readonly published?: number | null;
  /** The number with annotated pixels that have no prediction as missed; of tissue alone. */
  readonly missed?: number | null;
}
