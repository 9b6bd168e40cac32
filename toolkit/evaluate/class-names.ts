import { nearestName } from '../../config/suggest.ts';
import { ReigniteError } from '../errors.ts';
import type { ClassSubset } from '../metrics/class-subset.ts';

/** The classes of a task that can be scored alone. */
export interface ScoredClasses {
  /** All that the paper's protocol scores. */
  readonly names: readonly string[];
  /** The number of the class that a word names, in any case; undefined for a word that names none. */
  placeOf(word: string): number | undefined;
  /** Name of a class by its number. */
  nameOf(place: number): string | undefined;
  /** The classes of these numbers, all others as one. */
  subset(places: readonly number[]): ClassSubset;
}

/**
 * The classes that `--classes` names, separated by commas, in any case.
 *
 * @throws ReigniteError USAGE naming what is not a class of the task, with the class that was probably meant.
 */
export function classesAsked(task: string, classes: ScoredClasses, text: string): ClassSubset {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length === 0) throw new ReigniteError('USAGE', '--classes names no class.');
  return classes.subset([...new Set(words.map((word) => placeOf(word, task, classes)))]);
}

function placeOf(word: string, task: string, { names, ...classes }: ScoredClasses): number {
  const known = classes.placeOf(word);
  if (known !== undefined && names.includes(classes.nameOf(known) ?? '')) return known;
  const near = known === undefined ? nearestName(word, names) : undefined;
  const cause =
    known === undefined
      ? `"${word}" is not a class of the task ${task}`
      : `"${word}" is not scored by the paper's protocol`;
  throw new ReigniteError('USAGE', `${cause}.${near === undefined ? '' : ` Did you mean "${near}"?`}`, {
    remedy: `The classes are: ${names.join(', ')}.`,
  });
}
