import { nearestName } from '../../config/suggest.ts';
import { ReigniteError } from '../errors.ts';
import type { OverviewRow } from './overview.ts';

/** Values that mark a row of the overview as part of the H&E test set. Case matters, as in the authors' script. */
const MARK = { task: 'he_tissue_segmentation', split: 'test' } as const;
type Column = keyof typeof MARK;
const COLUMNS = ['task', 'split'] as const satisfies readonly Column[];

const MAX_NAMED = 10;

/**
 * Returns the rows of the H&E test set.
 *
 * @param overview - How errors name the file.
 * @throws ReigniteError OVERVIEW_INVALID if there are none, naming the values of the columns.
 */
export function heTestRows(rows: readonly OverviewRow[], overview: string): readonly OverviewRow[] {
  const found = rows.filter((row) => COLUMNS.every((column) => row[column] === MARK[column]));
  if (found.length > 0) return found;
  const wanted = COLUMNS.map((column) => `${column} "${MARK[column]}"`).join(' and ');
  const held = rows.length === 0 ? 'It has no rows' : COLUMNS.map((column) => valuesOf(rows, column)).join('; ');
  const meant = COLUMNS.flatMap((column) => {
    const near = nearValue(rows, column);
    return near === undefined ? [] : [`"${near}" in ${column} to "${MARK[column]}"`];
  });
  throw new ReigniteError('OVERVIEW_INVALID', `${overview} lists no ROI to score: no row with ${wanted}. ${held}.`, {
    remedy:
      meant.length === 0
        ? `Mark the rows of the H&E test set with ${wanted}, or leave the task out.`
        : `Change ${meant.join(' and ')}: the values must match exactly.`,
  });
}

/**
 * Warns of rows that are not in the H&E test set only because a value differs in case or blanks.
 *
 * @returns A warning, or none.
 */
export function rowsNearlyTested(rows: readonly OverviewRow[]): readonly string[] {
  const near = rows.filter(
    (row) =>
      COLUMNS.every((column) => row[column].trim().toLowerCase() === MARK[column]) &&
      COLUMNS.some((column) => row[column] !== MARK[column]),
  );
  if (near.length === 0) return [];
  const values = new Set(near.flatMap((row) => COLUMNS.map((column) => row[column]).filter((value) => !isMark(value))));
  const lines = near.slice(0, MAX_NAMED).map(({ line }) => line);
  return [
    `WARNING: ${near.length} ${near.length === 1 ? 'row' : 'rows'} of the overview ${near.length === 1 ? 'is' : 'are'} not scored because of ${quoted([...values])} ` +
      `instead of "${MARK.task}" and "${MARK.split}": line ${lines.join(', ')}${near.length > MAX_NAMED ? ' and others' : ''}.`,
  ];
}

function isMark(value: string): boolean {
  return COLUMNS.some((column) => MARK[column] === value);
}

/** Lists the values of a column with their number of rows. */
function valuesOf(rows: readonly OverviewRow[], column: Column): string {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row[column], (counts.get(row[column]) ?? 0) + 1);
  const values = [...counts].slice(0, MAX_NAMED).map(([value, count]) => `${JSON.stringify(value)} (${count})`);
  return `${column} holds ${values.join(', ')}${counts.size > MAX_NAMED ? ' and others' : ''}`;
}

/**
 * Returns the value that was probably meant, if no row has the right one. Splits are taken only from rows of the right
 * task, if there are any.
 */
function nearValue(rows: readonly OverviewRow[], column: Column): string | undefined {
  const ofTask = rows.filter(({ task }) => task === MARK.task);
  const values = [...new Set((column === 'split' && ofTask.length > 0 ? ofTask : rows).map((row) => row[column]))];
  if (values.includes(MARK[column])) return undefined;
  return nearestName(MARK[column], values);
}

function quoted(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ');
}
