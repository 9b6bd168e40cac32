import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { fileExists, statIfThere } from '../../files/if-there.ts';
import { reportFolder } from '../../results/results-folder.ts';
import {
  bytesPerRoi,
  type DrawnRoi,
  type LayersFile,
  LayerWriter,
  type RoiLayers,
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
