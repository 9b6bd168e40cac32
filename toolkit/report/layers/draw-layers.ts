import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { fileExists, statIfThere, unlessMissing } from '../../files/file-access.ts';
import { reportFolder } from '../../results/results-folder.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { JudgedTask } from '../report-data.ts';
import {
  bytesPerRoi,
  type DrawnRoi,
  type LayersFile,
  LayerWriter,
  MAX_VIEWED,
  type RoiLayers,
  readLayersFile,
  writeLayersFile,
} from './layers-file.ts';

/** Maximum number of ROIs whose layers are drawn at the same time. */
const MAX_CONCURRENT = 2;
/** Must be raised when layers are drawn differently. */
const SCHEMA = 2;

/**
 * Draws the layers of ROIs into report/assets of a folder, within the size limit of a report, and lists them in
 * layers.json. Layers that were drawn before from the same sources are kept.
 *
 * @param options.known - Entries of the folder's existing layers.json.
 * @returns The layers of every ROI that has any.
 */
export async function drawLayers(
  folder: string,
  rois: readonly DrawnRoi[],
  {
    known,
    signal,
    onRoi = () => undefined,
  }: {
    readonly known: LayersFile['rois'];
    readonly signal?: AbortSignal | undefined;
    readonly onRoi?: () => void;
  },
): Promise<readonly RoiLayers[]> {
  const limit = bytesPerRoi(rois.length);
  const byName = new Map(known.map((entry) => [`${entry.task}/${entry.roi}`, entry]));
  const written = await mapConcurrent(rois, MAX_CONCURRENT, signal, async (each) => {
    const entry = await layersOf(folder, each, limit, byName.get(`${each.task}/${each.roi}`));
    onRoi();
    return entry;
  });
  const entries = written.filter((entry) => entry !== undefined);
  const drawn = new Set(rois.map(({ task }) => task));
  await writeLayersFile(folder, [...known.filter(({ task }) => !drawn.has(task)), ...entries]);
  return entries;
}

async function layersOf(
  results: string,
  each: DrawnRoi,
  limit: number,
  known: LayersFile['rois'][number] | undefined,
): Promise<LayersFile['rois'][number] | undefined> {
  const { task, roi } = each;
  const stamp = await stampOf(each, limit);
  const report = reportFolder(results);
  const files = Object.values(known?.files ?? {});
  const areThere = (await Promise.all(files.map((file) => fileExists(join(report, file))))).every(Boolean);
  if (known?.stamp === stamp && areThere) return known;
  await rm(join(report, 'assets', task, roi), { recursive: true, force: true });
  const writer = new LayerWriter(results, task, roi);
  try {
    const drawn = await each.draw(limit, writer);
    return { task, roi, ...drawn, files: writer.files, notes: writer.notes, stamp };
  } catch (error) {
    // An ROI without our prediction or without its image is not in the viewer; the report still lists its scores.
    if (error instanceof ReigniteError && !error.retryable) return undefined;
    throw error;
  }
}

/** Returns a digest of size and time of every source, without reading them. */
async function stampOf({ sources, settings }: DrawnRoi, limit: number): Promise<string> {
  const hash = createHash('sha256').update(`${SCHEMA} ${limit} ${settings}`);
  for (const source of sources) {
    const found = await statIfThere(source);
    hash.update(`\n${source} ${found?.size ?? '-'} ${found?.mtimeMs ?? '-'}`);
  }
  return hash.digest('hex').slice(0, 16);
}

interface LayersOptions {
  /** Distance in px above which points of the same class differ, as in the verdict. */
  readonly maxDistance: number;
  /** Called after every ROI. */
  readonly onRoi: () => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Draws the layers of the report's viewer into report/assets, within the size limit of a report. Layers that were drawn
 * before from the same sources are kept.
 *
 * @param data - Absolute data folder. Without it, the existing layers are returned.
 * @returns The layers of every ROI that has any.
 */
export async function writeLayers(
  results: string,
  data: string | undefined,
  tasks: readonly JudgedTask[],
  { maxDistance, signal, onRoi }: LayersOptions,
): Promise<readonly RoiLayers[]> {
  const known = await readLayersFile(results);
  if (data === undefined) return known;
  const drawn = (await Promise.all(tasks.map((task) => roisOf(results, data, task, maxDistance)))).flat();
  const wanted = mostDifferent(drawn, tasks);
  return drawLayers(results, wanted, { known, signal, onRoi });
}

/** Returns all ROIs, or if there are too many, those whose predictions differ most, in their order. */
function mostDifferent(drawn: readonly DrawnRoi[], tasks: readonly JudgedTask[]): readonly DrawnRoi[] {
  if (drawn.length <= MAX_VIEWED) return drawn;
  const differences = new Map(
    tasks.flatMap(({ task, rois }) => rois.map(({ roi, difference }) => [`${task}/${roi}`, difference ?? -1] as const)),
  );
  const differenceOf = ({ task, roi }: DrawnRoi) => differences.get(`${task}/${roi}`) ?? -1;
  const chosen = new Set([...drawn].sort((a, b) => differenceOf(b) - differenceOf(a)).slice(0, MAX_VIEWED));
  return drawn.filter((each) => chosen.has(each));
}

async function roisOf(results: string, data: string, judged: JudgedTask, maxDistance: number): Promise<DrawnRoi[]> {
  const all = (await unlessMissing(taskNamed(judged.task).layers({ results, data }, maxDistance))) ?? [];
  const named = new Set(judged.rois.map(({ roi }) => roi));
  return all.filter(({ roi }) => named.has(roi));
}
