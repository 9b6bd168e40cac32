import type { Classification } from '../geojson/feature-file.ts';
import { distinctColour } from './tissue-classes.ts';

/** Blue, red, yellow: as the authors' figures have them. */
const USUAL_COLOURS = [
  [0, 0, 255],
  [255, 0, 0],
  [255, 255, 0],
] as const;

/** Colours for the classes of a detector, under the names that the detector itself has. */
export function cellClasses(names: readonly string[]): Classification[] {
  return names.map((name, index) => ({ name, color: USUAL_COLOURS[index] ?? distinctColour(index) }));
}
