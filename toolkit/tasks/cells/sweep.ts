import { makeFacts } from '../../cache/make.ts';
import type { CacheEntry, StepCache } from '../../cache/step-cache.ts';
import type { ReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { inside } from '../../files/inside.ts';
import { keptCells } from '../../sweep/kept-cells.ts';
import { type ScoredCell, sweepCells } from '../../sweep/sweep-cells.ts';
import { SweepFile } from '../../sweep/sweep-file.ts';
import { thresholdsBy } from '../../sweep/thresholds.ts';
import { keptScore, readBoxes } from '../../yolo/detect/image-boxes.ts';
import type { CellTaskDefinition } from '../definition.ts';
import type { PlannedRoi, TaskWork } from '../work.ts';
import { BOXES, BoxesFacts, DetectFacts } from './files.ts';
import { type ChosenSettings, settingsInEffect } from './settings.ts';

/** Must be raised when the same boxes and annotations would give another file. */
const SCHEMA = 1;

/** Distance of two thresholds. */
const STEP = 0.05;

/** An image with its result in the cache. */
export interface FoundRoi {
  readonly planned: PlannedRoi;
  readonly entry: CacheEntry;
}

/**
 * Scores a run at every confidence threshold, once per set of boxes and annotations.
 *
 * @param input.annotations - Annotations of the images to count.
 * @returns Undefined if the cache of this machine lacks the boxes of an image, as for results of earlier versions.
 */
export async function sweepOnce(input: {
  readonly definition: CellTaskDefinition;
  readonly found: readonly FoundRoi[];
  readonly annotations: ReaderAnnotations;
  readonly settings: ChosenSettings;
  readonly work: Pick<TaskWork, 'cache' | 'data' | 'digests' | 'signal'>;
}): Promise<SweepFile | undefined> {
  const { definition, found, annotations, work } = input;
  const [first] = found;
  if (first === undefined) return undefined;
  const { confidence, iou } = settingsInEffect(definition, input.settings);
  const keys = found.map(
    ({ planned, entry }) => [planned.roi, DetectFacts.safeParse(entry.facts).data?.boxes] as const,
  );
  const parts = {
    step: 'sweep-cells',
    schema: SCHEMA,
    task: definition.name,
    boxes: sha256Of(keys.map((each) => each.join(' ')).join('\n')),
    annotations: await work.digests.sha256(inside(work.data, first.planned.truth), work.signal),
    confidence,
    iou,
  };
  const facts = await makeFacts(work, parts, async () => {
    const cells = new Map<string, readonly ScoredCell[]>();
    for (const [index, [roi, key]] of keys.entries()) {
      work.signal.throwIfAborted();
      const boxes = await boxesOf(work.cache, key);
      if (boxes === undefined) return undefined;
      cells.set(roi, await keptCells(boxes, iou, found[index]?.planned.box));
    }
    const { confidence: paper } = definition.settings;
    const thresholds = thresholdsBy(STEP, keptScore(confidence), paper, confidence);
    const of = { annotations, cells: (stem: string) => cells.get(stem) ?? [], thresholds, signal: work.signal };
    return { confidence, paper, iou, images: annotations.images.length, ...(await sweepCells(of)) };
  });
  return facts === undefined ? undefined : SweepFile.parse(facts);
}

async function boxesOf(cache: StepCache, key: string | undefined) {
  const entry = key === undefined ? undefined : await cache.recallHere(key);
  if (key === undefined || entry?.files[BOXES] === undefined) return undefined;
  return readBoxes(cache.pathOf(key, BOXES), BoxesFacts.parse(entry.facts).seen).catch(() => undefined);
}
