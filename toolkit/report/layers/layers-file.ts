import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { TASKS, type Task } from '../../../config/tasks.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { RESULTS } from '../../results/results-folder.ts';
import type { LayerWriter } from './layer-writer.ts';

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
export type LayersFile = z.infer<typeof LayersFile>;

/** Reads the layers of an existing report; empty if there are none, or they are from another version. */
export async function readLayersFile(results: string): Promise<LayersFile['rois']> {
  const text = await readFile(RESULTS.layers.in(results), 'utf8').catch(() => 'null');
  const parsed = LayersFile.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data.rois : [];
}

export async function writeLayersFile(results: string, rois: LayersFile['rois']): Promise<void> {
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
