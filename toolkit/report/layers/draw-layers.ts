import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASKS, type Task } from '../../../config/tasks.ts';
import { mapConcurrent } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { fileExists, statIfThere } from '../../files/file-access.ts';
import { RESULTS, reportFolder } from '../../results/results-folder.ts';

/** Layers of the viewer, from bottom to top. */
const LAYERS = ['image', 'truth', 'published', 'ours', 'confidence', 'differ'] as const;
export type LayerName = (typeof LAYERS)[number];

/**
 * A hotspot of differences between the two predictions: its centre in px of the image, and the number of differing
 * pixels or points.
 */
const Spot = z.object({ x: z.number(), y: z.number(), count: z.int().min(1) });
export type Spot = z.infer<typeof Spot>;

export const RoiLayers = z.object({
  task: z.enum(TASKS),
  roi: z.string(),
  width: z.int().min(1).describe('px'),
  height: z.int().min(1).describe('px'),
  files: z.partialRecord(z.enum(LAYERS), z.string()).describe('Relative to report/; two layers may share a file'),
  classes: z
    .array(z.object({ label: z.int(), truth: z.number(), published: z.number().nullable(), ours: z.number() }))
    .describe('Labels, or classes of cells, that occur: share of the pixels, or number of points'),
  spots: z.array(Spot).describe('Where most differs, first what holds most'),
  notes: z.array(z.string()).describe('What is not shown, and why'),
});
export type RoiLayers = z.infer<typeof RoiLayers>;

/** `report/assets/layers.json`: the layers of every ROI, with a stamp of their sources. */
const LayersFile = z.object({
  schema: z.literal(1),
  rois: z.array(RoiLayers.extend({ stamp: z.string().describe('Changes when a source of the layers changes') })),
});
type LayersFile = z.infer<typeof LayersFile>;

/** Reads the layers of an existing report; empty if there are none, or they are from another version. */
export async function readLayersFile(results: string): Promise<LayersFile['rois']> {
  const text = await readFile(RESULTS.layers.in(results), 'utf8').catch(() => 'null');
  const parsed = LayersFile.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data.rois : [];
}

async function writeLayersFile(results: string, rois: LayersFile['rois']): Promise<void> {
  await writeFileAtomic(RESULTS.layers.in(results), `${JSON.stringify({ schema: 1, rois } satisfies LayersFile)}\n`);
}

/** An ROI whose layers can be drawn. */
export interface DrawnRoi {
  readonly task: Task;
  readonly roi: string;
  /** Absolute paths of the source files of the layers, which are drawn again when any of these changes. */
  readonly sources: readonly string[];
  /** Other inputs of the layers. */
  readonly settings: string;
  /** @param limit - Maximum bytes of all layers together. */
  draw(limit: number, writer: LayerWriter): Promise<Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>>;
}

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

/** Maximum bytes of all layers; the rest of 30 MB is for the page, its figures and its script. */
const ALL_LAYERS = 25_000_000;
/** Maximum bytes of one ROI's layers. */
const MAX_ROI = 600_000;

/** Maximum number of ROIs with layers. If there are more ROIs, those that differ most have layers. */
export const MAX_VIEWED = 1_000;

/** Share of each layer in an ROI's bytes. */
export const SHARES = { image: 0.55, mask: 0.11, confidence: 0.06, differ: 0.05, readers: 0.2, points: 0.08 } as const;

/** Number of steps in which the bytes of an ROI are halved. */
const STEPS_PER_HALVING = 2;

/**
 * Returns the maximum bytes of one ROI's layers, so that a report stays below 30 MB for any number of ROIs. The limit
 * decreases in few steps, since all layers are drawn again whenever it changes.
 *
 * @param rois - Number of ROIs with layers, at least 1.
 */
export function bytesPerRoi(rois: number): number {
  const halvings = Math.max(0, Math.log2((rois * MAX_ROI) / ALL_LAYERS));
  return Math.floor(MAX_ROI / 2 ** (Math.ceil(halvings * STEPS_PER_HALVING) / STEPS_PER_HALVING));
}

/** Lengths in px that the longer side of a layer may have, finest first. */
export const EDGES = [1_600, 1_280, 1_024, 800, 640, 512, 400, 320, 256, 192, 128, 96] as const;

/** Longer side of a layer's first encoding, from whose size that of others is estimated. */
const FIRST_EDGE = 512;
/** A layer that uses a smaller share of its bytes may be encoded finer. */
const FULL = 0.7;

/**
 * Finds the finest encoding of a layer within its byte limit, in a few attempts.
 *
 * @param longest - Longer side of the ROI in px; a layer is never finer than the ROI.
 * @param encode - Encodes the layer with a longer side of `edge` px.
 * @returns Undefined if even the coarsest is too large.
 */
export async function finestWithin(
  limit: number,
  longest: number,
  encode: (edge: number) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  const coarser = EDGES.filter((edge) => edge < longest);
  const edges = longest <= EDGES[0] ? [longest, ...coarser] : coarser;
  const tried = new Map<number, Uint8Array>();
  const encoded = async (index: number) => {
    const known = tried.get(index) ?? (await encode(edges[index] ?? longest));
    tried.set(index, known);
    return known;
  };
  const last = edges.length - 1;
  const indexOf = (most: number) =>
    Math.min(
      last,
      Math.max(
        0,
        edges.findIndex((edge) => edge <= most),
      ),
    );
  const first = indexOf(FIRST_EDGE);
  // Bytes grow at most in proportion to the area, so that this estimate is more likely too coarse than too fine.
  const guess = (edges[first] ?? longest) * Math.sqrt(limit / Math.max(1, (await encoded(first)).length));
  let index = edges.some((edge) => edge <= guess) ? indexOf(guess) : last;
  while (index < last && (await encoded(index)).length > limit) index++;
  while (index > 0 && (await encoded(index)).length < FULL * limit && (await encoded(index - 1)).length <= limit)
    index--;
  const bytes = await encoded(index);
  return bytes.length <= limit ? bytes : undefined;
}

/** Writes the layers of one ROI to report/assets, each within its byte limit. */
export class LayerWriter {
  readonly files: Partial<Record<LayerName, string>> = {};
  readonly notes: string[] = [];
  readonly #folder: string;
  readonly #report: string;

  constructor(results: string, task: Task, roi: string) {
    this.#report = reportFolder(results);
    this.#folder = `assets/${task}/${roi}`;
  }

  /** Absolute folder of the layers. */
  get folder(): string {
    return join(this.#report, this.#folder);
  }

  /** @param longest - Longer side of the ROI in px. */
  async writeImage(
    layer: LayerName,
    limit: number,
    longest: number,
    encode: (edge: number) => Promise<Uint8Array>,
  ): Promise<void> {
    const bytes = await finestWithin(limit, longest, encode);
    if (bytes === undefined) this.notes.push(`The layer "${layer}" is too large for a report.`);
    else await this.#write(layer, 'webp', bytes);
  }

  async writeDrawing(layer: LayerName, limit: number, svg: string): Promise<void> {
    if (svg.length <= limit) await this.#write(layer, 'svg', svg);
    else this.notes.push(`The layer "${layer}" is too large for a report.`);
  }

  async #write(layer: LayerName, extension: string, content: string | Uint8Array): Promise<void> {
    const file = `${this.#folder}/${layer}.${extension}`;
    await writeFileAtomic(join(this.#report, file), content);
    this.files[layer] = file;
  }
}

/** Maximum number of hotspots listed in the viewer. */
const MAX_HOTSPOTS = 12;
/** Side of a hotspot in px. */
const SIDE = 64;

/** Groups differences into square hotspots, largest first. */
export class HotspotFinder {
  readonly #squares = new Map<string, { x: number; y: number; count: number }>();

  /** @param x - Distance from the left edge in px; `y` from the upper edge. */
  add(x: number, y: number): void {
    const key = `${Math.floor(x / SIDE)} ${Math.floor(y / SIDE)}`;
    const square = this.#squares.get(key);
    if (square === undefined) this.#squares.set(key, { x, y, count: 1 });
    else {
      square.x += x;
      square.y += y;
      square.count++;
    }
  }

  spots(): Spot[] {
    return [...this.#squares.values()]
      .sort((a, b) => b.count - a.count || a.y - b.y || a.x - b.x)
      .slice(0, MAX_HOTSPOTS)
      .map(({ x, y, count }) => ({ x: Math.round(x / count), y: Math.round(y / count), count }));
  }
}
