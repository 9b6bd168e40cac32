import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { TASKS, type Task } from '../../../config/tasks.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { RESULTS } from '../../results/results-folder.ts';
import type { LayerWriter } from './layer-writer.ts';

/** What a viewer puts one over the other, from below. */
const LAYERS = ['image', 'truth', 'published', 'ours', 'margin', 'differ'] as const;
export type LayerName = (typeof LAYERS)[number];

/** A place where the two predictions differ: its middle in px of the image, and how much it holds. */
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

/** `report/assets/layers.json`: the layers of every ROI, and what each was made from. */
const LayersFile = z.object({
  schema: z.literal(1),
  rois: z.array(RoiLayers.extend({ stamp: z.string().describe('Changes when a source of the layers changes') })),
});
export type LayersFile = z.infer<typeof LayersFile>;

/** The layers that an earlier writing of the report left; none where there are none, or of another version. */
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
  /** Absolute paths of the files that the layers are made from; a change of any of them draws them again. */
  readonly sources: readonly string[];
  /** What else the layers depend on. */
  readonly settings: string;
  /** @param limit - Bytes for all layers together. */
  draw(limit: number, writer: LayerWriter): Promise<Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>>;
}
