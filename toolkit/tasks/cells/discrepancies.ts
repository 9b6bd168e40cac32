import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import type { CacheEntry } from '../../cache/step-cache.ts';
import { detectorFile, detectorFileIn, folderOf, readersFileIn } from '../../dataset/layout.ts';
import { type ReaderAnnotations, readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { fileExists, unlessMissing } from '../../files/file-access.ts';
import { inside } from '../../files/folders.ts';
import { DetectionMetrics, evaluateDetection } from '../../metrics/agreement.ts';
import { type CellPoint, readFoundPoints, readPoints } from '../../metrics/points-file.ts';
import { adapterNames } from '../../onnx/session/engine-choice.ts';
import { RESULTS } from '../../results/results-folder.ts';
import {
  boxCentreEntry,
  categoryIdsEntry,
  type DeclaredPoints,
  declaredSettingsEntry,
  type ImagePoints,
  type Metrics,
  overflowEntry,
  tieOrderEntry,
  timeLimitEntry,
} from '../../verdict/discrepancies/cells-entries.ts';
import type { DiscrepancyEntry } from '../../verdict/discrepancies/discrepancies-file.ts';
import { CellsVerdictFile } from '../../verdict/verdict-file.ts';
import { convertDetector, detectorDigest } from '../../yolo/convert/convert-detector.ts';
import type { CellDetector } from '../../yolo/detect/cell-detector.ts';
import { type CandidatesFile, readCandidatesFile } from '../../yolo/detect/detection-files.ts';
import { type CellTaskDefinition, cellDefinition, type DetectionSettings } from '../registry.ts';
import {
  type DiscrepancyTask,
  type ListedRoi,
  type Measured,
  type MeasureInput,
  type NetworkSetup,
  publishedOr,
  type TaskWork,
} from '../work.ts';
import { detectKey, restoreCells } from './cells.ts';
import { detectOnce } from './detection.ts';

type Folders = Pick<TaskWork, 'data' | 'results'>;

/** Measures where the authors' code for cells does something unexpected, over all cell tasks of the run. */
export async function cellsDiscrepancies(
  tasks: readonly DiscrepancyTask<CellTask>[],
  folders: Folders,
): Promise<DiscrepancyEntry[]> {
  if (tasks.length === 0) return [];
  const metrics: Metrics = {};
  const moved: Partial<Record<CellTask, number>> = {};
  const verdicts: CellsVerdictFile[] = [];
  const images: ImagePoints[] = [];
  const declared: DiscrepancyEntry[] = [];
  const categories: DiscrepancyEntry[] = [];
  for (const task of tasks) {
    const { name } = task;
    const annotations = await readReaderAnnotations(
      inside(folders.data, await readersFileIn(folders.data, name)),
      name,
    );
    metrics[name] = DetectionMetrics.parse(await RESULTS.metrics.read(folders.results, name));
    moved[name] = await movedBoxes(annotations, folders.data);
    verdicts.push(CellsVerdictFile.parse(await RESULTS.verdict.read(folders.results, name)));
    images.push(...(await pointsOfBoth(annotations, folders)));
    declared.push(...(await declaredEntries(task, folders)));
    if (cellDefinition(name).classes.length > 1) categories.push(...categoryIdsEntry(annotations));
  }
  return [
    ...declared,
    boxCentreEntry(metrics, moved),
    ...categories,
    overflowEntry(metrics, verdicts),
    tieOrderEntry(verdicts),
    timeLimitEntry(images),
  ];
}

async function declaredEntries(
  { name, measured }: DiscrepancyTask<CellTask>,
  folders: Folders,
): Promise<DiscrepancyEntry[]> {
  const { declared, ...definition } = cellDefinition(name);
  if (declared === undefined || measured.kind === 'nothing') return [];
  const points = measured.kind === 'measured' ? await declaredPoints(name, folders) : measured;
  return [declaredSettingsEntry({ ...definition, declared }, points)];
}

/** Counts the readers' points that the offset of the first box moves away from the centre of their own box. */
async function movedBoxes({ task, points: first }: ReaderAnnotations, data: string): Promise<number> {
  const own = await readReaderAnnotations(inside(data, await readersFileIn(data, task)), task, 'own');
  let moved = 0;
  for (const [reader, images] of first) {
    for (const [image, points] of images) {
      const others = own.points.get(reader)?.get(image) ?? [];
      moved += points.filter(({ x, y }, k) => x !== others[k]?.x || y !== others[k]?.y).length;
    }
  }
  return moved;
}

/**
 * Reads the published and reproduced points of every image. A missing file means no points, as in the record. Images
 * whose published file cannot be read are left out; the result is empty if no points are published at all.
 */
async function pointsOfBoth({ task, images }: ReaderAnnotations, { data, results }: Folders): Promise<ImagePoints[]> {
  const both: ImagePoints[] = [];
  let arePublished = false;
  for (const { stem } of images) {
    const file = `${folderOf('inference', task)}/${stem}.npy`;
    const published = await publishedOr(data, () => unlessMissing(readPoints(inside(data, file), task)));
    if (published.kind === 'unreadable') continue;
    arePublished ||= published.read !== undefined;
    const ours = (await unlessMissing(readPoints(inside(results, file), task))) ?? [];
    both.push({ task, roi: stem, published: published.read ?? [], ours });
  }
  return arePublished ? both : [];
}

/** `verdict/<task>-declared.json`: what was detected again, and with which settings. */
const DeclaredFile = z.object({
  tile: z.int(),
  confidence: z.number(),
  iou: z.number(),
  images: z.array(z.string()).describe('Stems; an image without a file of points has none'),
  skipped: z.array(z.object({ roi: z.string(), code: z.string() })),
});
type DeclaredFile = z.infer<typeof DeclaredFile>;

/** Returns the paths of the points that were detected with the declared settings. */
function declaredFiles(results: string, task: CellTask) {
  return {
    folder: dirname(RESULTS.declaredPoints.in(results, task, 'any')),
    list: RESULTS.declared.in(results, task),
    points: (stem: string) => RESULTS.declaredPoints.in(results, task, stem),
    candidates: (stem: string) => RESULTS.declaredCandidates.in(results, task, stem),
  };
}

/** What a detector found in an image, or why it did not run. */
export type FoundCells =
  | { readonly kind: 'found'; readonly points: readonly CellPoint[]; readonly candidates: CandidatesFile }
  | { readonly kind: 'none'; readonly reason: string };

interface Detector {
  readonly modelDir: string;
  readonly setup: NetworkSetup;
}

/**
 * Detects cells again, with the settings that the authors' script declares but never passes on. Finished images come
 * from the cache.
 */
export async function measureDeclared(
  task: CellTask,
  declared: DetectionSettings,
  input: MeasureInput,
  engines: CellDetector,
): Promise<Measured> {
  const { work, listed } = input;
  const detector = await openDeclared(task, declared, input, engines);
  const files = declaredFiles(work.results, task);
  const done: string[] = [];
  const skipped: DeclaredFile['skipped'] = [];
  for (const image of listed) {
    work.signal.throwIfAborted();
    work.report({ phase: 'detecting', roi: image.roi, done: done.length, of: listed.length });
    try {
      const entry = await detectImage(image, declared, input, detector, engines);
      const target = { points: files.points(image.roi), candidates: files.candidates(image.roi) };
      await restoreCells(work.cache, entry, target);
      done.push(image.roi);
    } catch (error) {
      work.signal.throwIfAborted();
      if (!(error instanceof ReigniteError) || error.retryable || error.code === 'PROVIDER_UNAVAILABLE') throw error;
      skipped.push({ roi: image.roi, code: error.code });
    }
  }
  const list: DeclaredFile = { ...declared, images: done, skipped };
  await writeFileAtomic(files.list, `${JSON.stringify(list, null, 1)}\n`);
  return { kind: 'measured', rois: done.length };
}

async function openDeclared(
  task: CellTask,
  { tile }: DetectionSettings,
  { work: { data, home, signal, need }, settings, session }: MeasureInput,
  detector: CellDetector,
): Promise<Detector> {
  await need?.([detectorFile(task)]);
  const checkpoint = inside(data, await detectorFileIn(data, task));
  const digest = await detectorDigest(checkpoint, tile, signal);
  const modelDir = join(home.models, digest);
  await convertDetector({ checkpoint, out: modelDir, size: tile, signal });
  const { provider, ortVersion, batchSize, ...more } = await detector.probe(
    { ...session, modelDir, threads: 1 },
    { signal },
  );
  const batches = batchSize === undefined ? {} : { batchSize };
  const engine = { provider, ...adapterNames(more), ortVersion, engine: 'exact', ...batches };
  return { modelDir, setup: { model: { digest }, engine, settings } };
}

async function detectImage(
  { roi, image: file, box }: ListedRoi,
  declared: DetectionSettings,
  { work, session }: MeasureInput,
  { modelDir, setup }: Detector,
  detector: CellDetector,
): Promise<CacheEntry> {
  const { data, digests, signal, report, need } = work;
  await need?.([file]);
  const image = inside(data, file);
  const imageSha256 = await digests.sha256(image, signal);
  const parts = detectKey(box, { image: imageSha256 }, setup, declared);
  const guard = { engine: setup.engine, crashes: { name: roi, signal } };
  const job = { image, box, imageSha256, modelDir, session, setup, guard, signal };
  const reportRoi = (progress: object) => report({ roi, ...progress });
  const { entry } = await detectOnce({ ...job, report: reportRoi }, parts, declared, work, detector);
  return entry;
}

/**
 * Opens the cells that were detected with the declared settings.
 *
 * @returns A lookup by the stem of an image; undefined if this was not measured.
 */
export async function declaredImages(
  { name }: Pick<CellTaskDefinition, 'name'>,
  { results }: Pick<TaskWork, 'results'>,
): Promise<((stem: string) => Promise<FoundCells>) | undefined> {
  const files = declaredFiles(results, name);
  if (!(await fileExists(files.list))) return undefined;
  const { images } = DeclaredFile.parse(JSON.parse(await readFile(files.list, 'utf8')));
  const known = new Set(images);
  return async (stem) => {
    if (!known.has(stem)) return { kind: 'none', reason: 'It was not detected with the declared settings.' };
    const points = (await fileExists(files.points(stem))) ? await readPoints(files.points(stem), name) : [];
    return { kind: 'found', points, candidates: await readCandidatesFile(files.candidates(stem)) };
  };
}

/** Scores the cells found with the declared settings and with the settings in effect, on the images that have both. */
export async function declaredPoints(
  task: CellTask,
  { data, results }: Pick<TaskWork, 'data' | 'results'>,
): Promise<DeclaredPoints> {
  const files = declaredFiles(results, task);
  const { images } = DeclaredFile.parse(JSON.parse(await readFile(files.list, 'utf8')));
  const all = await readReaderAnnotations(inside(data, await readersFileIn(data, task)), task);
  const annotations = { ...all, images: all.images.filter(({ stem }) => images.includes(stem)) };
  const declared = await readFoundPoints(files.folder, annotations);
  const effective = await readFoundPoints(inside(results, folderOf('inference', task)), annotations);
  const scored = (found: ReadonlyMap<string, readonly CellPoint[]>) =>
    evaluateDetection({ task, annotations, points: (stem) => found.get(stem) }).metrics;
  return {
    metrics: scored(declared),
    effective: scored(effective),
    points: { declared: countOf(declared), effective: countOf(effective) },
    images: annotations.images.length,
  };
}

function countOf(found: ReadonlyMap<string, readonly CellPoint[]>): number {
  return [...found.values()].reduce((sum, points) => sum + points.length, 0);
}
