import { TASKS } from '../../../config/tasks.ts';
import { counted, listed } from '../../format.ts';
import { type DiscrepancyEntry, entryOf } from './discrepancies-file.ts';

/** Counts of a folder according to the paper; `boxes` are those of the COCO file with most images. */
interface PaperCount {
  readonly rois: number;
  readonly boxes?: number;
}

/** By the folder of the images. */
const PAPER_COUNTS: Readonly<Record<string, PaperCount>> = {
  he: { rois: 408 },
  'pdl1/pdl1': { rois: 344, boxes: 845_509 },
  'pdl1/nuclei': { rois: 135, boxes: 83_498 },
};

/** A COCO file of the record. */
export interface CountedCoco {
  /** Relative to the data folder. */
  readonly path: string;
  readonly images: number;
  readonly boxes: number;
}

/**
 * Compares the numbers of ROIs and boxes in the paper with the record.
 *
 * @param rows - Rows of the overview by the folder of their images.
 * @param cocoFiles - All COCO files by folder; the paper counts the boxes of the one with most images.
 * @see arXiv 2507.16855
 */
export function paperCountsEntry(
  rows: ReadonlyMap<string, number>,
  cocoFiles: ReadonlyMap<string, readonly CountedCoco[]> = new Map(),
): DiscrepancyEntry {
  const rois = Object.entries(PAPER_COUNTS).map(([folder, paper]) => ({
    what: `${folder}`,
    paper: paper.rois,
    here: rows.get(folder) ?? 0,
  }));
  const boxes = Object.entries(PAPER_COUNTS).flatMap(([folder, paper]) => {
    const largest = (cocoFiles.get(folder) ?? []).toSorted((a, b) => b.images - a.images)[0];
    if (paper.boxes === undefined || largest === undefined) return [];
    return [{ what: largest.path, paper: paper.boxes, here: largest.boxes }];
  });
  const total = (side: 'paper' | 'here') => rois.reduce((sum, count) => sum + count[side], 0);
  const other = [...rois, ...boxes].filter(({ paper, here }) => paper !== here);
  const ofBoxes = boxes.length === 0 ? '' : ` Boxes: ${boxes.map(countText).join(', ')}.`;
  return entryOf(
    {
      id: 'paper-counts',
      title: 'Numbers of ROIs and boxes in the paper and in the record',
      what:
        'The paper counts 887 ROIs: 408 for H&E segmentation, 344 for PD-L1 and 135 for nuclei detection, with 845,509 ' +
        'and 83,498 boxes.',
      where: 'data_overview.csv, annotations/pdl1/',
      tasks: [...TASKS],
    },
    {
      status: other.length === 0 ? 'no effect here' : 'affects the record',
      effect: `The overview lists ${total('here')} of ${total('paper')}: ${rois.map(countText).join(', ')}.${ofBoxes}`,
      affected: other.map(countText),
    },
  );
}

function countText({ what, paper, here }: { readonly what: string; readonly paper: number; readonly here: number }) {
  return `${what} ${here} of ${paper}`;
}

/** A file of the record with its digest, and the digest that others publish for it. */
export interface PublishedDigest {
  readonly key: string;
  readonly published: string;
  /** Digest of the file in this run; undefined if it was not hashed as a whole. */
  readonly sha256: string | undefined;
  /** How the file has to be compressed to have the published digest; undefined if no way was found. */
  readonly packed?: string | undefined;
}

/**
 * Compares SHA-256 values that other projects publish for files of the record with the files of this run. Zenodo sends
 * text gzip-encoded to clients that ask for it; a client that stores the encoded reply publishes the digest of that.
 */
export function publishedDigestsEntry(files: readonly PublishedDigest[]): DiscrepancyEntry {
  const known = files.filter(({ sha256 }) => sha256 !== undefined);
  const other = known.filter(({ sha256, published }) => sha256 !== published);
  const same = known.length - other.length;
  return entryOf(
    {
      id: 'published-sha256',
      title: 'SHA-256 values that others publish for files of the record',
      what:
        'torch-em lists SHA-256 values of three files. It reads data_overview.csv as gzip, so that its value is ' +
        'probably that of the gzip-encoded reply of the server, not of the file. The file itself was compared with ' +
        'the MD5 that the record publishes.',
      where: 'torch_em/data/datasets/histopathology/ignite.py of torch-em',
      tasks: [...TASKS],
    },
    {
      status: known.length === 0 ? 'not measured' : other.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        known.length === 0
          ? 'None of these files was fetched as a whole.'
          : `${same} of ${counted(known.length, 'file has', 'files have')} the published value` +
            `${other.length === 0 ? '' : `; a different value: ${listed(other.map(({ key }) => key))}`}.`,
      affected: other.map(
        ({ key, sha256, published, packed }) =>
          `${key}: here ${sha256}, published ${published}${packed === undefined ? '' : `, that of the file ${packed}`}`,
      ),
    },
  );
}
