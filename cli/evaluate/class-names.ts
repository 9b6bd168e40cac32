import type { Task } from '../../config/tasks.ts';
import { HE_LABELS } from '../../toolkit/dataset/he-labels.ts';
import { CELL_CLASSES } from '../../toolkit/dataset/readers.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type ClassSubset, cellSubset, tissueSubset } from '../../toolkit/metrics/class-subset.ts';
import { nearestName } from '../../toolkit/nearest-name.ts';
import { labelNamed } from './label-translation.ts';

/** Unannotated and Background: the paper's protocol gives them no Dice. */
const NOT_SCORED = HE_LABELS.slice(0, 2).map(({ name }): string => name);

/**
 * The classes that `--classes` names, separated by commas, in any case.
 *
 * @throws ReigniteError USAGE naming what is no class of the task, with the class that was probably meant.
 */
export function classesAsked(task: Task, text: string): ClassSubset {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length === 0) throw new ReigniteError('USAGE', '--classes names no class.');
  if (task === 'nuclei') throw new ReigniteError('USAGE', '--classes is for he and pdl1: nuclei have one class.');
  const names: readonly string[] = task === 'he' ? HE_LABELS.map(({ name }) => name) : CELL_CLASSES.pdl1;
  const asked = [...new Set(words.map((word) => placeOf(word, task, names)))];
  return task === 'he' ? tissueSubset(asked) : cellSubset(names, asked);
}

function placeOf(word: string, task: 'he' | 'pdl1', names: readonly string[]): number {
  const known = task === 'he' ? labelNamed(word) : names.findIndex((name) => name.toLowerCase() === word.toLowerCase());
  const scored = names.filter((name) => !NOT_SCORED.includes(name));
  if (known !== undefined && known >= 0 && scored.includes(names[known] ?? '')) return known;
  const isUnscored = known !== undefined && known >= 0;
  const near = isUnscored ? undefined : nearestName(word, scored);
  const cause = isUnscored
    ? `"${word}" is not scored by the paper's protocol`
    : `"${word}" is no class of the task ${task}`;
  throw new ReigniteError('USAGE', `${cause}.${near === undefined ? '' : ` Did you mean "${near}"?`}`, {
    remedy: `The classes are: ${scored.join(', ')}.`,
  });
}
