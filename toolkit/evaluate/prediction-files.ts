import { readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { hasCode, notOpened } from '../files/file-access.ts';
import { firstOf } from '../format.ts';
import { type CellPoint, readPoints } from '../metrics/points-file.ts';
import type { PointsCoverage } from '../verdict/uncertainty.ts';

const MAX_NAMED = 20;

/** Describes the problems of several files in one sentence, naming at most 20. */
export function formatProblems(faults: readonly string[], of: string): string {
  const named = faults.slice(0, MAX_NAMED).join('; ');
  const rest = faults.length > MAX_NAMED ? `; and ${faults.length - MAX_NAMED} more` : '';
  return `${faults.length} of ${of} cannot be scored: ${named}${rest}.`;
}

const SUFFIX = '.npy';

export interface PointsToScore {
  /** Points by stem of the image. Images without a file are missing: nothing was found in them. */
  readonly found: ReadonlyMap<string, readonly CellPoint[]>;
  /** Names of the scored files. */
  readonly files: readonly string[];
  /** Remarks on files that are not scored, one sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Reads the points of every image of a task before any is scored.
 *
 * @throws ReigniteError ROI_WITHOUT_PAIR when no file belongs to an image of the task; NPY_INVALID listing all faulty
 *   files.
 */
export async function readPointsToScore(folder: string, { task, images }: ReaderAnnotations): Promise<PointsToScore> {
  const names = await namesIn(folder);
  const files = names.filter((name) => name.toLowerCase().endsWith(SUFFIX)).sort();
  const like = namesLike(files);
  const stems = new Map<string, string>();
  for (const { stem } of images) stems.set(like(`${stem}${SUFFIX}`) ?? `${stem}${SUFFIX}`, stem);
  const [known, others] = [files.filter((file) => stems.has(file)), files.filter((file) => !stems.has(file))];
  const otherFiles = filesMeantFor([...stems.keys()], known, names);
  if (known.length === 0) {
    const instead = otherFiles.length === 0 ? '' : `, only ${firstOf(otherFiles)}`;
    throw new ReigniteError(
      'ROI_WITHOUT_PAIR',
      `${folder} has no .npy file for any image of the task ${task}${instead}.`,
      {
        remedy: 'Name the folder that directly contains <image>.npy: an array with x, y and class per cell.',
      },
    );
  }
  const found = new Map<string, readonly CellPoint[]>();
  const faults: ReigniteError[] = [];
  for (const file of known) {
    try {
      found.set(stems.get(file) ?? '', await readPoints(join(folder, file), task));
    } catch (error) {
      if (!(error instanceof ReigniteError)) throw error;
      faults.push(error);
    }
  }
  if (faults.length > 0) {
    const causes = faults.map(({ message }) => message.replace(/\.$/, ''));
    throw new ReigniteError('NPY_INVALID', formatProblems(causes, `${known.length} points files`), {
      remedy: [...new Set(faults.map(({ remedy }) => remedy))].join(' '),
    });
  }
  const remarks = [...describeUnscored(others, `image of the task ${task}`), ...describeNotRead(otherFiles)];
  return { found, files: known, remarks };
}

const MAX_UNSCORED_NAMED = 5;

/** Names files in a folder of predictions that are not scored, in one sentence; none for no files. */
export function describeUnscored(files: readonly string[], of: string): readonly string[] {
  if (files.length === 0) return [];
  const [belong, are] = files.length === 1 ? ['belongs', 'is'] : ['belong', 'are'];
  return [`${firstOf(files, MAX_UNSCORED_NAMED)} ${belong} to no ${of} and ${are} not scored.`];
}

/** Describes files that seem to be meant for images without a points file, and what to do about them. */
function describeNotRead(files: readonly string[]): readonly string[] {
  const isPoints = (name: string) => name.toLowerCase().endsWith(SUFFIX);
  const [renamed, converted] = [files.filter(isPoints), files.filter((name) => !isPoints(name))];
  return [
    ...(converted.length > 0
      ? [`Images have no .npy file, but files that are not read: ${firstOf(converted)}. Save their points as .npy.`]
      : []),
    ...(renamed.length > 0
      ? [
          `Images have no .npy file, but one with other capitals: ${firstOf(renamed)}. Rename these files as the images.`,
        ]
      : []),
  ];
}

/** Returns files that seem to be meant for images without a points file. */
function filesMeantFor(wanted: readonly string[], known: readonly string[], names: readonly string[]) {
  const missing = wanted.filter((name) => !known.includes(name));
  return missing.flatMap((name) => namesMeantFor(name, names));
}

/**
 * Lists a folder that the user named.
 *
 * @throws ReigniteError FILE_MISSING, NOT_READABLE; USAGE for a file.
 */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (!hasCode(cause, 'ENOTDIR')) throw notOpened('Folder', folder, cause);
    throw new ReigniteError('USAGE', `${folder} is a file, not a folder.`, {
      cause,
      remedy: 'Name the folder it is in.',
    });
  });
}

/** Points are written with two decimals, so that a point on the border may be this many px outside. */
const ROUNDING = 0.005;
const MAX_IMAGES_NAMED = 5;

/** Counts the images of a task without points, and the points outside the annotated boxes. */
export function coverageOf(
  { images }: ReaderAnnotations,
  found: ReadonlyMap<string, readonly CellPoint[]>,
): PointsCoverage {
  const stems = images.map(({ stem }) => stem);
  const outside = images.map(({ stem, annotatedXyxy: [left, top, right, bottom] }) => {
    const isInside = ({ x, y }: CellPoint) =>
      x >= left - ROUNDING && x <= right + ROUNDING && y >= top - ROUNDING && y <= bottom + ROUNDING;
    return (found.get(stem) ?? []).filter((point) => !isInside(point)).length;
  });
  return {
    images: images.length,
    withoutFile: stems.filter((stem) => !found.has(stem)),
    withoutPoints: stems.filter((stem) => found.get(stem)?.length === 0),
    points: [...found.values()].reduce((sum, points) => sum + points.length, 0),
    outsideBox: outside.reduce((sum, count) => sum + count, 0),
  };
}

/** Formats warnings that are needed to interpret the scores, one sentence each. */
export function describeCoverage({ images, withoutFile, points, outsideBox }: PointsCoverage): readonly string[] {
  const warnings: string[] = [];
  if (withoutFile.length > 0) {
    warnings.push(
      `WARNING: ${withoutFile.length} of ${images} images have no points file; all their cells count as missed. ${firstOf(withoutFile, MAX_IMAGES_NAMED)}.`,
    );
  }
  if (outsideBox > 0) {
    warnings.push(
      `WARNING: ${outsideBox} of ${points} points are outside the annotated box of their image, where readers did not annotate: ` +
        'each counts as a false positive. The paper removes such points during detection.',
    );
  }
  return warnings;
}

/**
 * Indexes file names so that one is found although its letters are encoded in another way: macOS may store ü as u and a
 * diaeresis (NFD), other systems as one character (NFC). Upper and lower case of the ending does not count.
 *
 * @returns A function that returns the name equal to the wanted one, else a name that looks the same, else undefined.
 * @example namesLike(['Mu\u0308ller.PNG'])('M\u00fcller.png'); // the name that was given
 * @see Unicode Standard Annex 15
 */
export function namesLike(names: readonly string[]): (wanted: string) => string | undefined {
  const exact = new Set(names);
  const alike = new Map(names.map((name) => [usualEnding(name), name]));
  const normal = new Map(names.map((name) => [name.normalize('NFC'), name]));
  return (wanted) =>
    exact.has(wanted) ? wanted : (normal.get(wanted.normalize('NFC')) ?? alike.get(usualEnding(wanted)));
}

function usualEnding(file: string): string {
  const { name, ext } = parse(file.normalize('NFC'));
  return `${name}${ext.toLowerCase()}`;
}

/** Endings of masks, the preferred one first. */
const MASK_ENDINGS = ['.png', '.tif', '.tiff'] as const;

/**
 * Returns the name of the file to score for an ROI: a mask (PNG, or TIFF if there is no PNG), or points.
 *
 * @param like - Finds a name in the folder, see {@link namesLike}.
 * @returns The usual name if none of these files exists.
 */
export function predictionName(
  roi: string,
  kind: 'mask' | 'points',
  like: (wanted: string) => string | undefined,
): string {
  const wanted = (kind === 'mask' ? MASK_ENDINGS : [SUFFIX]).map((ending) => `${roi}${ending}`);
  return wanted.map(like).find((name) => name !== undefined) ?? wanted[0] ?? roi;
}

/**
 * Finds files that seem to be meant for a missing one: their names differ from its name only in the ending, or in upper and
 * lower case.
 *
 * @example namesMeantFor('a.png', ['a.tif', 'A.png', 'b.png']); // ['a.tif', 'A.png']
 */
export function namesMeantFor(wanted: string, names: readonly string[]): readonly string[] {
  const stem = stemOf(wanted).toLowerCase();
  return names.filter((name) => name !== wanted && stemOf(name).toLowerCase() === stem);
}

/** Returns the name of a file without its ending, with every letter encoded as one character (NFC); capitals stay. */
export function stemOf(file: string): string {
  return parse(file.normalize('NFC')).name;
}
