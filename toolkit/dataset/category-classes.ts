import type { CellTask } from '../../config/tasks.ts';
import { ReigniteError } from '../errors.ts';
import { cellDefinition } from '../tasks/registry.ts';
import type { CocoCategory } from './coco-file.ts';

/**
 * How a category gets its class: `by-id`, (id - 1) modulo the number of classes as in the authors' code, or `by-name`,
 * from the name of the category.
 */
export type CategoryRule = 'by-id' | 'by-name';

/** A category whose name or position disagrees with the class that its ID gives it. */
export interface DoubtfulCategory {
  readonly id: number;
  readonly name: string;
  /** Name of the class by ID, which is the one in effect. */
  readonly taken: string;
  /** Name of the class by the category's name; null if the name matches no class. */
  readonly meant: string | null;
}

/** Categories of a file that are probably not numbered as the authors' code expects. */
export interface CategoryDoubt {
  readonly categories: readonly DoubtfulCategory[];
  /** Annotations in these categories. */
  readonly annotations: number;
}

/** Like Python's remainder, which is never negative: category 0 of three classes has class 2. */
function classById(id: number, task: CellTask): number {
  const classes = cellDefinition(task).classes.length;
  return (((id - 1) % classes) + classes) % classes;
}

/**
 * Returns the class that a category's name means: one of the task's names, or words such as "positive", "PD-L1 negative
 * tumour" and "non-tumour".
 *
 * @returns Undefined for a name that matches none.
 */
export function classByName(name: string | undefined, task: CellTask): number | undefined {
  return cellDefinition(task).classOfName((name ?? '').toLowerCase());
}

/**
 * Determines the class of every category that belongs to a reader.
 *
 * @param readerOf - Index of the reader by category ID; a category of no reader is missing.
 * @param file - How errors name the file.
 * @throws ReigniteError ANNOTATIONS_INVALID if, with `by-name`, a name matches no class.
 */
export function classesOfCategories(
  categories: readonly CocoCategory[],
  readerOf: ReadonlyMap<number, number>,
  { task, rule, file }: { readonly task: CellTask; readonly rule: CategoryRule; readonly file: string },
): ReadonlyMap<number, number> {
  const ofReaders = categories.filter(({ id }) => readerOf.has(id));
  if (rule === 'by-id') return new Map(ofReaders.map(({ id }) => [id, classById(id, task)]));
  return new Map(
    ofReaders.map(({ id, name }) => {
      const named = classByName(name, task);
      if (named !== undefined) return [id, named];
      const cause = `${file}: the name of category ${id}, ${JSON.stringify(name ?? '')}, is not a class of the task.`;
      throw new ReigniteError('ANNOTATIONS_INVALID', cause, {
        remedy: `Name the categories ${cellDefinition(task)
          .classes.map((of) => `"${of}"`)
          .join(', ')}, or leave out --categories by-name.`,
      });
    }),
  );
}

/**
 * Finds categories that the authors' rule probably puts into the wrong class: the name means another class, or a reader
 * has one category for every class, whose names match no class and whose IDs do not start at a first class.
 */
export function doubtOnCategories(
  categories: readonly CocoCategory[],
  readerOf: ReadonlyMap<number, number>,
  annotationsOf: (category: number) => number,
  task: CellTask,
): CategoryDoubt | undefined {
  const classes: readonly string[] = cellDefinition(task).classes;
  const doubtful = categories.flatMap((category): DoubtfulCategory[] => {
    const { id, name } = category;
    const reader = readerOf.get(id);
    if (reader === undefined) return [];
    const [taken, meant] = [classById(id, task), classByName(name, task)];
    const ofReader = categories.filter((other) => readerOf.get(other.id) === reader);
    if (meant === undefined ? isInPlace(category, ofReader, task) : meant === taken) return [];
    const meantName = meant === undefined ? null : (classes[meant] ?? null);
    return [{ id, name: name ?? '', taken: classes[taken] ?? String(taken), meant: meantName }];
  });
  if (doubtful.length === 0) return undefined;
  const annotations = doubtful.reduce((sum, { id }) => sum + annotationsOf(id), 0);
  return { categories: doubtful, annotations };
}

/**
 * Whether the ID gives a category the class of its position among the reader's categories. True if the reader does not
 * have one for every class, which proves nothing.
 */
function isInPlace({ id }: CocoCategory, ofReader: readonly CocoCategory[], task: CellTask): boolean {
  if (ofReader.length !== cellDefinition(task).classes.length) return true;
  return classById(id, task) === ofReader.filter((other) => other.id < id).length;
}

const MAX_NAMED = 3;

/** Formats the doubt as a warning, with what to do about it. */
export function describeDoubt({ categories, annotations }: CategoryDoubt, task: CellTask): string {
  const named = categories.slice(0, MAX_NAMED).map(({ id, name, taken, meant }) => {
    const is = name === '' ? `category ${id}` : `category ${id}, ${JSON.stringify(name)},`;
    return `${is} counts as "${taken}"${meant === null ? '' : ` instead of "${meant}"`}`;
  });
  const more = categories.length > MAX_NAMED ? `, and ${categories.length - MAX_NAMED} more` : '';
  const classes = cellDefinition(task).classes;
  return (
    `WARNING: the classes of the readers' cells are probably mixed up. The authors' rule, class = (category id - 1) mod ` +
    `${classes.length}, disagrees with the names or the order of the categories: ${named.join('; ')}${more}. ` +
    `${annotations} annotations are affected. Number the categories from 1, reader after reader, in the order ` +
    `${classes.join(', ')}, or score with \`npx reignite evaluate --categories by-name\`.`
  );
}
