import { HE_LABELS } from '../dataset/tissue-labels.ts';
import type { Classification } from '../geojson/write-features.ts';

/** RGB colours of the classes of cells, in class order, as in the paper's figures: blue, red, yellow. */
const CELL_COLOURS = [
  [0, 0, 255],
  [255, 0, 0],
  [255, 255, 0],
] as const;

/** The same colours for canvas and SVG. @example CELL_COLOURS_CSS[0] // "rgb(0,0,255)" */
export const CELL_COLOURS_CSS: readonly string[] = CELL_COLOURS.map((channels) => `rgb(${channels.join(',')})`);

/** Classes of a model by their value in a mask. */
export type TissueClasses = ReadonlyMap<number, Classification>;

/** A class as a model or a file of labels names it. */
export interface NamedValue {
  readonly value: number;
  readonly name: string;
  readonly colour?: readonly [number, number, number] | undefined;
}

/** Degrees between successive colours on the colour wheel, so that neighbouring classes differ most. */
const GOLDEN_ANGLE = 137.508;

/**
 * Returns names and colours of the classes of a segmentation model: the given ones; else the paper's, if the model has
 * as many classes; else numbered ones.
 *
 * @param count - Number of values in a mask, which start at 0.
 */
export function tissueClasses(count: number, given?: readonly NamedValue[]): TissueClasses {
  const known = given ?? (count === HE_LABELS.length ? HE_LABELS : []);
  const classes = new Map<number, Classification>();
  for (let value = 0; value < count; value++) {
    const label = known.find((each) => each.value === value);
    const usual = HE_LABELS.find(({ name }) => name === label?.name)?.colour;
    classes.set(value, {
      name: label?.name ?? `class ${value}`,
      color: label?.colour ?? usual ?? distinctColour(value),
    });
  }
  return classes;
}

/** Returns a strong colour for a number: always the same, and far from that of its neighbours. */
function distinctColour(index: number): readonly [number, number, number] {
  const hue = ((index * GOLDEN_ANGLE) % 360) / 60;
  const channel = (shift: number) => {
    const distance = Math.abs(((hue + shift) % 6) - 3) - 1;
    return Math.round(255 * Math.min(1, Math.max(0, distance)));
  };
  return [channel(0), channel(4), channel(2)];
}

/** Returns the classes of a detector with a colour each, under the detector's own names. */
export function cellClasses(names: readonly string[]): Classification[] {
  return names.map((name, index) => ({ name, color: CELL_COLOURS[index] ?? distinctColour(index) }));
}
