import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CELL_TASKS } from '../../config/tasks.ts';
import { Receipts } from '../cache/receipts.ts';
import { mapConcurrent } from '../concurrency.ts';
import { countBoxes } from '../dataset/coco-stream.ts';
import { folderOf, OVERVIEW_FILE, overviewFileIn } from '../dataset/layout.ts';
import { type OverviewRow, readOverview } from '../dataset/overview.ts';
import { isSynthetic, kindOfNumber } from '../dataset/provenance.ts';
import { contextPath, resolveInData } from '../dataset/test-rois.ts';
import { HE_LABELS } from '../dataset/tissue-labels.ts';
import { inside } from '../files/folders.ts';
import { sha256Of } from '../files/hash-file.ts';
import { decodeLabels } from '../image/decode-labels.ts';
import { imageSize } from '../image/open-image.ts';
import { readPngStart } from '../image/png-header.ts';
import type { DiscrepancyEntry } from '../verdict/discrepancies/discrepancies-file.ts';
import {
  type CountedCoco,
  type PublishedDigest,
  paperCountsEntry,
  publishedDigestsEntry,
} from '../verdict/discrepancies/paper-entries.ts';
import {
  alphaImagesEntry,
  duplicateImagesEntry,
  type HashedImage,
  installEntry,
  type LookedMask,
  maskValues,
  missingFilesEntry,
  negatedMasksEntry,
  type RowFiles,
  type StrayMask,
  sharedPatientsEntry,
  sizesEntry,
  strayFilesEntry,
  strayValues,
} from '../verdict/discrepancies/record-entries.ts';
import { definitionOf } from './registry.ts';
import type { TaskWork } from './work.ts';

/** Rows checked at the same time: most of the time is spent opening images to read their size. */
const MAX_CONCURRENT = 8;
/** Maximum number of masks that are decoded for their values; the paper's record has fewer. */
const MAX_MASKS = 1_000;

/** Measures where the record differs from its description. */
export async function recordDiscrepancies(work: TaskWork, record: string): Promise<DiscrepancyEntry[]> {
  const rows = await readOverview(await overviewFileIn(work.data));
  const withFiles = await rowsWithFiles(rows, work);
  const images = await hashImages(work);
  const isPaper = !isSynthetic(rows) && kindOfNumber({ id: record }) === 'paper';
  return [
    missingFilesEntry(withFiles),
    sharedPatientsEntry(rows),
    duplicateImagesEntry(images, rows),
    sizesEntry(withFiles),
    negatedMasksEntry(await inspectMasks(rows, work)),
    strayFilesEntry(await findStrays(rows, work)),
    alphaImagesEntry(alphaOf(images, work.data)),
    ...(isPaper ? await comparedWithPaper(rows, record, work) : []),
    installEntry(),
  ];
}

/** Determines which files of every row of the overview exist. */
async function rowsWithFiles(rows: readonly OverviewRow[], { data, signal }: TaskWork): Promise<RowFiles[]> {
  return mapConcurrent(rows, MAX_CONCURRENT, signal, (row) => rowWithFiles(data, row));
}

async function rowWithFiles(data: string, row: OverviewRow): Promise<RowFiles> {
  const named = [row.imagePath, row.annotationPath].filter((path) => path !== '');
  const derived = row.task === 'he_tissue_segmentation' && row.split === 'test' ? named.map(contextPath) : [];
  const paths = [...named, ...derived].map((path) => pathOf(path));
  const image = pathOf(row.imagePath);
  const size = image === undefined ? undefined : await imageSize(inside(data, image)).catch(() => undefined);
  const isThere = (path: string) => (path === image && size !== undefined) || existsSync(inside(data, path));
  const missing = paths.filter((path) => path === undefined || !isThere(path));
  return { row, missing: missing.map((path) => path ?? 'a path that leads nowhere'), size };
}

/** Determines the values of the tissue task's masks without context, up to the maximum. */
async function inspectMasks(rows: readonly OverviewRow[], work: TaskWork): Promise<LookedMask[]> {
  const inspected = await mapConcurrent(tissueRows(rows), MAX_CONCURRENT, work.signal, async ({ annotationPath }) => {
    const path = pathOf(annotationPath);
    const counts = path === undefined ? undefined : await valueCounts(path, work);
    return path === undefined || counts === undefined ? [] : [{ path, values: maskValues(counts, HE_LABELS.length) }];
  });
  return inspected.flat();
}

/** Finds values that are not labels in the masks with context, up to the maximum. */
async function findStrays(rows: readonly OverviewRow[], work: TaskWork): Promise<StrayMask[]> {
  const inspected = await mapConcurrent(
    tissueRows(rows),
    MAX_CONCURRENT,
    work.signal,
    async ({ annotationPath, split }) => {
      const path = pathOf(contextPath(annotationPath));
      const counts = path === undefined ? undefined : await valueCounts(path, work);
      return path === undefined || counts === undefined
        ? []
        : [{ path, split, strays: strayValues(counts, HE_LABELS.length) }];
    },
  );
  return inspected.flat();
}

function tissueRows(rows: readonly OverviewRow[]): readonly OverviewRow[] {
  return rows.filter(({ task }) => task === 'he_tissue_segmentation').slice(0, MAX_MASKS);
}

/** Counts the pixels of a mask by value; undefined if it cannot be read. */
async function valueCounts(path: string, { data }: TaskWork): Promise<number[] | undefined> {
  const mask = await decodeLabels(inside(data, path)).catch(() => undefined);
  if (mask === undefined) return undefined;
  const counts = new Uint32Array(256);
  for (const value of mask.data) counts[value] = (counts[value] ?? 0) + 1;
  return [...counts];
}

/** Makes the entries that apply only to the paper's record. */
async function comparedWithPaper(
  rows: readonly OverviewRow[],
  record: string,
  work: TaskWork,
): Promise<DiscrepancyEntry[]> {
  const counts = paperCountsEntry(countByFolder(rows), await countCocoFiles(work));
  return record === PUBLISHED_DIGESTS.record ? [counts, publishedDigestsEntry(await comparedDigests(work))] : [counts];
}

function alphaOf(images: readonly HashedImage[], data: string) {
  return images.flatMap(({ path }) => {
    const start = readPngStart(inside(data, path));
    return start === undefined ? [] : [{ path, hasAlpha: start.colour === 'RGBA' }];
  });
}

/** Counts rows by the folder of their image below `images/`. */
function countByFolder(rows: readonly OverviewRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { imagePath } of rows) {
    const folder = posix.dirname(pathOf(imagePath) ?? '').replace(/^images\//, '');
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return counts;
}

/** Hashes all images of the record, including those that no row names. */
async function hashImages({ data, digests, signal, report }: TaskWork): Promise<HashedImage[]> {
  const entries = await readdir(join(data, 'images'), { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hashed: HashedImage[] = [];
  for (const path of paths) {
    signal.throwIfAborted();
    report({ phase: 'looking for duplicates', done: hashed.length, of: paths.length });
    const sha256 = await digests.sha256(path, signal);
    hashed.push({ path: relative(data, path).split(sep).join('/'), sha256 });
  }
  await digests.save();
  return hashed;
}

function pathOf(path: string): string | undefined {
  try {
    return resolveInData(path);
  } catch {
    return undefined;
  }
}

/**
 * SHA-256 values that torch-em publishes for files of the first version of the paper's record.
 *
 * @see torch_em/data/datasets/histopathology/ignite.py of https://github.com/constantinpape/torch-em
 */
const PUBLISHED_DIGESTS = {
  record: '15674785',
  sha256: {
    'annotations.zip': 'b333fab032735de87563c5510de38fc5e2dccc0903a787f7b2b9bd249e66713b',
    'images.zip': '12389313f7f05a6dfb1a15b4aa94a8b16ec4a61a9daf2e86ca6e0a19db2b7628',
    [OVERVIEW_FILE]: 'fa693185d602b9fa91b5556fb622c82c1761759829d593923537f2e774cf8def',
  },
} as const;

/** Counts images and boxes of all COCO files of the detection tasks, by folder of the task. */
async function countCocoFiles({ data, signal }: TaskWork): Promise<ReadonlyMap<string, readonly CountedCoco[]>> {
  const counted = new Map<string, CountedCoco[]>();
  for (const task of CELL_TASKS) {
    const folder = folderOf('annotations', task);
    const names = await readdir(inside(data, folder)).catch(() => []);
    const files: CountedCoco[] = [];
    for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
      const path = `${folder}/${name}`;
      files.push({ path, ...(await countBoxes(inside(data, path), { signal })) });
    }
    counted.set(definitionOf(task).folder, files);
  }
  return counted;
}

/** Pairs the published digests with those of the fetched files. */
async function comparedDigests({ data, home }: Pick<TaskWork, 'data' | 'home'>): Promise<PublishedDigest[]> {
  const { files } = await new Receipts(home.receipts).manifest(data);
  const fetched = new Map(files.map(({ key, sha256 }) => [key, sha256]));
  const overview = await readFile(await overviewFileIn(data)).catch(() => undefined);
  return Object.entries(PUBLISHED_DIGESTS.sha256).map(([key, published]) => {
    if (key !== OVERVIEW_FILE || overview === undefined) return { key, published, sha256: fetched.get(key) };
    const sha256 = sha256Of(overview);
    return { key, published, sha256, packed: sha256 === published ? undefined : packedAs(overview, published) };
  });
}

/** Finds the gzip level at which the compressed file has a digest, since servers may publish that of the encoded file. */
function packedAs(content: Buffer, digest: string): string | undefined {
  for (let level = 1; level <= 9; level++) {
    if (sha256Of(gzipSync(content, { level })) === digest) return `gzip-encoded at level ${level}`;
  }
  return undefined;
}
