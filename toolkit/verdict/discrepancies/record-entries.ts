import { TASKS } from '../../../config/tasks.ts';
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
