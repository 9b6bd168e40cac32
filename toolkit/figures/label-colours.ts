import { NO_LABEL_COLOUR, type Rgb, type TissueLabel } from '../dataset/he-labels.ts';

/** Colours of the 256 values of a mask, channel by channel. */
export interface LabelColours {
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
  /** 1 where the value is drawn, 0 where the image shows as it is (its colour is then 0). */
  readonly isDrawn: Uint8Array;
}

/**
 * The colour of every mask value; values that are no label are grey, as in evaluation.py.
 *
 * @param hidden - A value that is not drawn, such as 255 for "not predicted".
 */
export function labelColours(labels: readonly TissueLabel[], hidden?: number): LabelColours {
  const colourOf = (value: number): Rgb => (value === hidden ? [0, 0, 0] : (labels[value]?.colour ?? NO_LABEL_COLOUR));
  const channel = (index: 0 | 1 | 2) => Uint8Array.from({ length: 256 }, (_, value) => colourOf(value)[index]);
  const isDrawn = Uint8Array.from({ length: 256 }, (_, value) => (value === hidden ? 0 : 1));
  return { red: channel(0), green: channel(1), blue: channel(2), isDrawn };
}
