import { nearestName } from '../../config/suggest.ts';
import { ReigniteError } from '../errors.ts';
import type { ClassSubset } from '../metrics/class-subset.ts';

/** The classes of a task that can be scored separately. */
export interface ScoredClasses {
  /** All classes that the paper's protocol scores. */
  readonly names: readonly string[];
  /** Returns the index of the class with a name, ignoring case; undefined if there is none. */
  placeOf(word: string): number | undefined;
  /** Returns the name of a class, given its index. */
  nameOf(place: number): string | undefined;
  /** Selects the classes with these indices and merges all others. */
  subset(places: readonly number[]): ClassSubset;
}

/**
 * Parses the class names of `--classes`, separated by commas, ignoring case.
 *
 * @throws ReigniteError USAGE naming a word that is not a class of the task, and the class that was probably meant.
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
