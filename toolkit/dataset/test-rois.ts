import { access } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { nearestName } from '../../config/wrong-values.ts';
import { ReigniteError } from '../errors.ts';
import { OVERVIEW_FILE, overviewFileIn } from './layout.ts';
import { type OverviewRow, readOverview } from './overview.ts';

const ROOTS = new Set(['images', 'annotations']);

/**
 * Resolves a path of the overview in the data folder. The file has paths relative to the authors' code folder
 * (`../../data/images/he/x.png`); the part after `data/`, or from `images/` or `annotations/` on, is used.
 *
 * @returns Relative to the data folder, with `/`.
 * @throws ReigniteError PATH_TRAVERSAL when it leads out of the data folder; OVERVIEW_INVALID when it contains none of
 * these folders.
 */
export function resolveInData(path: string): string {
  const parts = path.split('/');
  const tail = parts.slice(startOf(parts, path));
  const resolved = posix.normalize(tail.join('/'));
  if (path.includes('\\') || path.includes('\0') || posix.isAbsolute(resolved) || resolved.split('/')[0] === '..') {
    throw new ReigniteError('PATH_TRAVERSAL', `The path "${path}" in the overview leads out of the data folder.`, {
      remedy: 'Correct it in data_overview.csv; separate folders with "/".',
    });
  }
  return resolved;
}

function startOf(parts: readonly string[], path: string): number {
  const isRoot = (part: string | undefined) => part !== undefined && ROOTS.has(part);
  const both = parts.findLastIndex((part, k) => part === 'data' && isRoot(parts[k + 1]));
  if (both !== -1) return both + 1;
  const data = parts.lastIndexOf('data');
  if (data !== -1) return data + 1;
  const root = parts.findIndex(isRoot);
  if (root !== -1) return root;
  throw new ReigniteError(
    'OVERVIEW_INVALID',
    `The path "${path}" in the overview is not in data/, images/ or annotations/.`,
  );
}

/** An ROI of the H&E test set, in its version with context. */
export interface HeTestRoi {
  /** Stem of its files, such as `patient1_he_roi1_with_context`. */
  readonly roi: string;
  /** Relative to the data folder, with `/`, like `annotation`. */
  readonly image: string;
  readonly annotation: string;
  /** The row of the overview as text, by column. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Lists the H&E test set in the order of the authors' code: rows with task `he_tissue_segmentation` and split `test`,
 * paths with every `.png` replaced by `_with_context.png`, sorted by code point like text in Python (so that
 * `roi_10_with_context` comes before `roi_1_with_context`, and capitals first). No image or mask is opened.
 *
 * @param dataRoot - Folder with data_overview.csv.
 * @throws ReigniteError ROI_WITHOUT_PAIR when image and annotation have different stems; OVERVIEW_INVALID when there is
 *   no ROI of the test set, one occurs twice or is not a PNG file; PATH_TRAVERSAL; FILE_MISSING when there is no
 *   overview.
 * @see code/he_segmentation/inference.py of the IGNITE data toolkit
 */
export async function listHeTestRois(dataRoot: string): Promise<readonly HeTestRoi[]> {
  return heTestRoisOf(await readOverview(await overviewFileIn(dataRoot)), dataRoot);
}

/** Lists the same for an overview that was already read. */
export function heTestRoisOf(rows: readonly OverviewRow[], dataRoot: string): readonly HeTestRoi[] {
  const overview = join(dataRoot, OVERVIEW_FILE);
  const listed = heTestRows(rows, overview).map((row) => {
    const path = withContext(row.imagePath, row, overview);
    // UTF-8 bytes sort by code point, JavaScript strings by UTF-16 unit.
    return { row, path, sortedBy: Buffer.from(path) };
  });
  listed.sort((a, b) => Buffer.compare(a.sortedBy, b.sortedBy));
  const seen = new Set<string>();
  return listed.map(({ row, path }) => {
    const image = resolveInData(path);
    const annotation = resolveInData(withContext(row.annotationPath, row, overview));
    const roi = posix.parse(image).name;
    if (posix.parse(annotation).name !== roi) {
      throw new ReigniteError(
        'ROI_WITHOUT_PAIR',
        `${at(overview, row)}: image ${image} and annotation ${annotation} have different names.`,
        { remedy: 'Correct the row, or download data_overview.csv again.' },
      );
    }
    if (seen.has(roi)) throw new ReigniteError('OVERVIEW_INVALID', `${at(overview, row)}: ${roi} occurs twice.`);
    seen.add(roi);
    return { roi, image, annotation, facts: row.facts };
  });
}

/**
 * Checks that the files of ROIs exist.
 *
 * @param kinds - `evaluate` needs only annotations.
 * @throws ReigniteError FILE_MISSING naming the first missing file and the number of others.
 */
export async function checkRoiFiles(
  dataRoot: string,
  rois: readonly HeTestRoi[],
  kinds: readonly ('image' | 'annotation')[],
): Promise<void> {
  const missing: string[] = [];
  for (const path of rois.flatMap((roi) => kinds.map((kind) => roi[kind]))) {
    await access(join(dataRoot, path)).catch(() => missing.push(path));
  }
  const [first] = missing;
  if (first === undefined) return;
  const others = missing.length === 1 ? '' : `, and ${missing.length - 1} more of the test set`;
  throw new ReigniteError('FILE_MISSING', `File not found: ${join(dataRoot, first)}${others}.`);
}

function withContext(path: string, row: OverviewRow, overview: string): string {
  if (!/\.png$/i.test(path)) {
    throw new ReigniteError('OVERVIEW_INVALID', `${at(overview, row)}: "${path}" is not a PNG file.`);
  }
  return contextPath(path);
}

/** Returns the path of the version with context. */
export function contextPath(path: string): string {
  return path.replace(/\.PNG$/, '_with_context.PNG').replaceAll('.png', '_with_context.png');
}

function at(overview: string, row: OverviewRow): string {
  return `${overview}, line ${row.line}`;
}

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
function heTestRows(rows: readonly OverviewRow[], overview: string): readonly OverviewRow[] {
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
