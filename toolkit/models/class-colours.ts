import { CELL_COLOURS } from '../dataset/cell-colours.ts';
import { HE_LABELS } from '../dataset/he-labels.ts';
import type { Classification } from '../geojson/feature-file.ts';

/** Classes of a model by the value that a mask holds. */
export type TissueClasses = ReadonlyMap<number, Classification>;

/** A class as a model or a file of labels names it. */
export interface NamedValue {
  readonly value: number;
  readonly name: string;
  readonly colour?: readonly [number, number, number] | undefined;
}

/** Steps around the colour circle such that classes next to each other differ most. */
const GOLDEN_ANGLE = 137.508;

/**
 * Names and colours of the classes of a segmentation model: those given; else the paper's, for a model with as many
 * classes as the paper's has labels; else numbers.
 *
 * @param count - Values that a mask may hold, from 0 on.
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

/** A strong colour for a number: the same each time, far from its neighbours'. */
function distinctColour(index: number): readonly [number, number, number] {
  const hue = ((index * GOLDEN_ANGLE) % 360) / 60;
  const channel = (shift: number) => {
    const distance = Math.abs(((hue + shift) % 6) - 3) - 1;
    return Math.round(255 * Math.min(1, Math.max(0, distance)));
  };
  return [channel(0), channel(4), channel(2)];
}

/** Colours for the classes of a detector, under the names that the detector itself has. */
export function cellClasses(names: readonly string[]): Classification[] {
  return names.map((name, index) => ({ name, color: CELL_COLOURS[index] ?? distinctColour(index) }));
}
