import type { TumourShare } from '../predict/slides/tumour-share.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ClassAgreement } from './compare-predictions.ts';
import type { ComparedTask } from './compare-sides.ts';

/** A class of a comparison, for display. */
export interface ComparedClass extends ClassAgreement {
  readonly name: string;
  /** Dice of the masks, or F1 of the points, of A and B; null if neither has the class. */
  readonly overlap: number | null;
}

/** Returns the classes of a comparison with their names: those of a custom model, or else of the task. */
export function comparedClasses({ task, agreement, names }: Pick<ComparedTask, 'task' | 'agreement' | 'names'>) {
  const { labels } = taskNamed(task).viewer;
  return [...agreement.classes].map(([label, counts]): ComparedClass => {
    const { a, b, same } = counts;
    const own = names?.find(({ value }) => value === label)?.name;
    const overlap = a + b === 0 ? null : (2 * same) / (a + b);
    return { ...counts, name: own ?? labels[label]?.name ?? `label ${label}`, overlap };
  });
}

/** Formats a tumour proportion, such as `12.5 % (10 positive, 70 negative)`. */
export function tumourText({ positive, negative, percent }: TumourShare): string {
  const share = percent === null ? 'not defined' : `${percent.toFixed(1)} %`;
  return `${share} (${positive} positive, ${negative} negative)`;
}
