/** A cell, as a point. */
export interface CellPoint {
  /** From the left edge of the image, in px. */
  readonly x: number;
  /** From the upper edge, in px. */
  readonly y: number;
  /** Index in the classes of the task's definition. */
  readonly class: number;
}
