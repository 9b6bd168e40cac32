import { TASKS, TISSUE_TASKS } from '../../../config/tasks.ts';
import type { OverviewRow } from '../../dataset/overview.ts';
import { counted } from '../../format.ts';
import { type DiscrepancyEntry, entryOf } from './discrepancies-file.ts';

const OVERVIEW = 'data_overview.csv';

/** Square millimetres of a pixel at 0.5 µm/px. */
const PIXEL_MM2 = 0.0005 ** 2;

/** A row of the overview, with the state of its files on disk. */
export interface RowFiles {
  readonly row: OverviewRow;
  /** Missing files that the row names, or that the code derives from it; relative to the data folder. */
  readonly missing: readonly string[];
  /** Size of its image in px; undefined if it cannot be read. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
}

/** Lists rows of the overview whose files are not in the record. */
export function missingFilesEntry(rows: readonly RowFiles[]): DiscrepancyEntry {
  const without = rows.filter(({ missing }) => missing.length > 0);
  const test = without.filter(({ row }) => row.split === 'test').length;
  return entryOf(
    {
      id: 'rows-without-files',
      title: 'Rows of the overview without files',
      what: 'The overview lists images or annotations that are not in the record.',
      where: OVERVIEW,
      tasks: [...TASKS],
    },
    {
      status: without.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${without.length} of ${counted(rows.length, 'row')} ${without.length === 1 ? 'lacks' : 'lack'} a file, ${test} of them in the test set.`,
      affected: without.flatMap(({ row, missing }) => missing.map((path) => `line ${row.line}: ${path}`)),
    },
  );
}

/** Lists patients in both splits, within a task and across tasks. */
export function sharedPatientsEntry(rows: readonly OverviewRow[]): DiscrepancyEntry {
  const patients = new Map<string, { train: Set<string>; test: Set<string> }>();
  for (const { task, split, facts } of rows) {
    const id = facts['patient_id']?.trim();
    if (id === undefined || id === '' || (split !== 'train' && split !== 'test')) continue;
    const known = patients.get(id) ?? { train: new Set<string>(), test: new Set<string>() };
    known[split].add(task);
    patients.set(id, known);
  }
  const within: string[] = [];
  const across: string[] = [];
  for (const [id, { train, test }] of patients) {
    const same = [...test].filter((task) => train.has(task));
    const other = [...test].filter((task) => [...train].some((trained) => trained !== task));
    if (same.length > 0) within.push(`patient ${id}, within ${same.join(', ')}`);
    if (other.length > 0) across.push(`patient ${id}, across: tested in ${other.join(', ')}`);
  }
  return entryOf(
    {
      id: 'patients-in-both-splits',
      title: 'Patients in both train and test',
      what: 'Tissue of a test patient was also used for training, in the same task or another one.',
      where: OVERVIEW,
      tasks: [...TASKS],
    },
    {
      status: within.length + across.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        `Of ${counted(patients.size, 'patient')}, ${within.length} are in both splits of one task, ` +
        `and ${across.length} in the training set of one task and in the test set of another.`,
      affected: [...within, ...across],
    },
  );
}

/** An image file of the record. */
export interface HashedImage {
  /** Relative to the data folder. */
  readonly path: string;
  readonly sha256: string;
}

/** Lists images that occur more than once under different names. */
export function duplicateImagesEntry(images: readonly HashedImage[], rows: readonly OverviewRow[]): DiscrepancyEntry {
  const splitOf = new Map(rows.map((row) => [stemOf(row.imagePath), row.split]));
  const byDigest = new Map<string, string[]>();
  for (const { path, sha256 } of images) byDigest.set(sha256, [...(byDigest.get(sha256) ?? []), path]);
  const groups = [...byDigest.values()].filter((paths) => new Set(paths.map(stemOf)).size > 1);
  const mixed = groups.filter((paths) => {
    const splits = new Set(paths.map((path) => splitOf.get(stemOf(path))));
    return splits.has('train') && splits.has('test');
  });
  return entryOf(
    {
      id: 'duplicate-images',
      title: 'Images that occur more than once',
      what: 'Files of different ROIs with the same SHA-256.',
      where: 'images/',
      tasks: [...TASKS],
    },
    {
      status: groups.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        `${counted(groups.length, 'group')} of equal files among ${counted(images.length, 'image')}, ` +
        `${mixed.length} of them in train and test.`,
      affected: groups.map((paths) => paths.join(' = ')),
    },
  );
}

/** Compares sizes and areas in the overview with the images. */
export function sizesEntry(rows: readonly RowFiles[]): DiscrepancyEntry {
  const affected: string[] = [];
  let compared = 0;
  for (const { row, size } of rows) {
    if (size === undefined) continue;
    compared++;
    const { width, height } = size;
    const name = `line ${row.line}, ${stemOf(row.imagePath)}`;
    const shape = row.facts['shape']?.match(/\d+/g)?.map(Number);
    if (shape !== undefined && (shape[0] !== height || shape[1] !== width)) {
      affected.push(`${name}: ${row.facts['shape']}, the image has (${height}, ${width})`);
    }
    const area = row.facts['area_mm2']?.trim() ?? '';
    const real = width * height * PIXEL_MM2;
    if (area !== '' && Math.abs(Number(area) - real) > halfStep(area)) {
      affected.push(`${name}: ${area} mm², the image has ${real.toFixed(6)} mm² at 0.5 µm/px`);
    }
  }
  return entryOf(
    {
      id: 'sizes-and-areas',
      title: 'Sizes and areas that differ from the overview',
      what: 'The columns shape and area_mm2 are compared with the images at 0.5 µm/px, to the decimals given.',
      where: OVERVIEW,
      tasks: [...TASKS],
    },
    {
      status: affected.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${counted(affected.length, 'value disagrees', 'values disagree')} among ${counted(compared, 'image')}.`,
      affected,
    },
  );
}

/** Describes why the original code cannot be installed today. */
export function installEntry(): DiscrepancyEntry {
  return entryOf(
    {
      id: 'original-not-installable',
      title: 'The original code can no longer be installed as published',
      what:
        'Its requirements are not pinned: simple-cocotools after 0.2.1 has no CocoDetection, so that the import fails; ' +
        'torch from 2.6 on refuses the checkpoints without weights_only=False; the YOLOv5 code is always the ' +
        'newest version; the container of the H&E inference needs a GPU.',
      where: "requirements and Dockerfile of the authors' code",
      tasks: [...TASKS],
    },
    { status: 'documented', effect: 'Not measurable: a run does not use this software.' },
  );
}

/** Returns half a unit of the last decimal in the text. */
function halfStep(text: string): number {
  const decimals = text.split('.')[1]?.length ?? 0;
  return 0.5 * 10 ** -decimals + 1e-9;
}

/** Returns the ROI that a file belongs to: its name without folder, extension and `_with_context`. */
function stemOf(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(/\.[^.]*$/, '').replace(/_with_context$/, '');
}

/** A mask file of the tissue task, and what its values are. */
export interface LookedMask {
  /** Relative to the data folder. */
  readonly path: string;
  /** `negated`: every value other than 0 is 256 minus a label. */
  readonly values: 'labels' | 'negated' | 'other';
}

/**
 * Determines whether the values of a mask are labels, 0 to `labels` - 1, or labels negated in a byte.
 *
 * @param counts - Pixels by value, 0 to 255.
 */
export function maskValues(counts: readonly number[], labels: number): LookedMask['values'] {
  const present = counts.flatMap((count, value) => (count > 0 && value !== 0 ? [value] : []));
  if (present.every((value) => value < labels)) return 'labels';
  return present.every((value) => value > 256 - labels) ? 'negated' : 'other';
}

/**
 * Lists masks without context that hold (256 - label) mod 256, as in the first version of the IGNITE record. The
 * evaluation reads the masks with context; training on the others without decoding them would learn wrong labels.
 */
export function negatedMasksEntry(masks: readonly LookedMask[]): DiscrepancyEntry {
  const negated = masks.filter(({ values }) => values === 'negated').map(({ path }) => path);
  return entryOf(
    {
      id: 'negated-masks',
      title: 'Masks without context are stored negated',
      what:
        'Their values are 256 minus the label. The evaluation reads the masks with context and is not affected; ' +
        'to train on these masks, use (256 - value) mod 256.',
      where: 'annotations/he/',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: negated.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${negated.length} of ${counted(masks.length, 'mask')} without context ${negated.length === 1 ? 'is' : 'are'} negated.`,
      affected: negated,
    },
  );
}

/** Lists images with an alpha channel, which the networks do not see. */
export function alphaImagesEntry(
  images: readonly { readonly path: string; readonly hasAlpha: boolean }[],
): DiscrepancyEntry {
  const affected = images.filter(({ hasAlpha }) => hasAlpha).map(({ path }) => path);
  return entryOf(
    {
      id: 'images-with-alpha',
      title: 'Images with an alpha channel',
      what: 'PNG images are RGBA instead of RGB. The alpha channel is dropped and never blended, as the authors do.',
      where: 'images/',
      tasks: [...TASKS],
    },
    {
      status: affected.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${affected.length} of ${counted(images.length, 'PNG image')} ${affected.length === 1 ? 'has' : 'have'} an alpha channel.`,
      affected,
    },
  );
}

/** A mask file with context of the tissue task, with the number of pixels of each value that is not a label. */
export interface StrayMask {
  /** Relative to the data folder. */
  readonly path: string;
  readonly split: string;
  readonly strays: ReadonlyMap<number, number>;
}

/** Returns the values of a mask that are not labels, 0 to `labels` - 1, with their number of pixels. */
export function strayValues(counts: readonly number[], labels: number): ReadonlyMap<number, number> {
  return new Map([...counts.entries()].filter(([value, count]) => value >= labels && count > 0));
}

/** Lists the masks with context, in train and test, that hold values above the labels. */
export function strayFilesEntry(masks: readonly StrayMask[]): DiscrepancyEntry {
  const stray = masks.filter(({ strays }) => strays.size > 0);
  const test = stray.filter(({ split }) => split === 'test').length;
  return entryOf(
    {
      id: 'stray-value-files',
      title: 'Mask files with values that are not labels',
      what: 'Masks with context hold values above 16, such as 255. To train on them, leave such pixels out.',
      where: 'annotations/he/*_with_context.png',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: stray.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        `${stray.length} of ${counted(masks.length, 'mask')} with context ${stray.length === 1 ? 'holds' : 'hold'} ` +
        `such values, ${test} of them in the test set.`,
      affected: stray.map(({ path, strays }) => `${path}: ${straysText(strays)}`),
    },
  );
}

function straysText(strays: ReadonlyMap<number, number>): string {
  return [...strays].map(([value, pixels]) => `${value} in ${counted(pixels, 'pixel')}`).join(', ');
}
