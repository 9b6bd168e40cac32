import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type InferenceGuard,
  type InferredProduct,
  type Made,
  type MakeServices,
  make,
  makeInference,
} from '../../cache/make.ts';
import type { KeyParts, StepCache } from '../../cache/step-cache.ts';
import type { CellDetector, DetectionProgress } from '../../yolo/detect/cell-detector.ts';
import { type ImageBoxes, keptScore, readBoxes } from '../../yolo/detect/detection-files.ts';
import { SCRIPT_LIMITS } from '../../yolo/detect/nms.ts';
import { selectDetections, writeDetections } from '../../yolo/detect/select-detections.ts';
import type { DetectionSettings } from '../registry.ts';
import type { Box, NetworkSession, NetworkSetup } from '../work.ts';
import { BOXES, BoxesFacts, boxesKey, CANDIDATES, DetectFacts, POINTS } from './cells.ts';

/** One image to detect cells in; paths are absolute. */
export interface ImageToDetect {
  readonly image: string;
  readonly imageSha256: string;
  /** The annotated part; points outside are dropped. */
  readonly box?: Box | undefined;
  readonly modelDir: string;
  readonly session: NetworkSession;
  readonly setup: NetworkSetup;
  readonly guard: InferenceGuard;
  readonly signal: AbortSignal;
  readonly report: (progress: DetectionProgress) => void;
  /** Called when the network starts. */
  readonly onStart?: (() => void) | undefined;
}

/**
 * Detects the cells of an image, once per choice of settings. The network runs only once: its boxes are cached, and
 * other thresholds are applied to these, with the same result as a new detection.
 *
 * @param parts - Everything that the points depend on.
 */
export function detectOnce(
  of: ImageToDetect,
  parts: KeyParts,
  { tile, confidence, iou }: DetectionSettings,
  services: MakeServices,
  detector: CellDetector,
): Promise<Made> {
  return make(services, parts, async (folder) => {
    const floor = keptScore(confidence);
    const key = boxesKey({ image: of.imageSha256 }, of.setup, { tile, floor });
    const { entry, isCached } = await makeInference(services, key, of.guard, (inner) => {
      of.onStart?.();
      return runNetwork(of, floor, inner, detector);
    });
    const start = performance.now();
    const { seen, ...facts } = BoxesFacts.parse(entry.facts);
    const boxes = await readBoxes(services.cache.pathOf(entry.key, BOXES), seen);
    const selected = await selectDetections(boxes, {
      ...SCRIPT_LIMITS,
      confidence,
      iou,
      ...(of.box && { box: of.box }),
    });
    const files = { points: join(folder, POINTS), candidates: join(folder, CANDIDATES) };
    await writeDetections(selected, files);
    const seconds = (performance.now() - start) / 1_000;
    return {
      files: { [CANDIDATES]: files.candidates, ...(existsSync(files.points) ? { [POINTS]: files.points } : {}) },
      facts: DetectFacts.parse({
        ...facts,
        // Do not count again what the network did for other settings.
        tiles: isCached ? 0 : facts.tiles,
        seconds: isCached ? seconds : facts.seconds + seconds,
        points: selected.points.length,
        candidates: selected.file.candidates.length,
        boxes: entry.key,
      }),
    };
  });
}

/** Opens the cached boxes of an image. @returns Undefined if they are not in the cache. */
export async function keptBoxes(
  cache: StepCache,
  image: string,
  setup: NetworkSetup,
  { tile, confidence }: Pick<DetectionSettings, 'tile' | 'confidence'>,
): Promise<ImageBoxes | undefined> {
  const key = cache.keyOf(boxesKey({ image }, setup, { tile, floor: keptScore(confidence) }));
  const entry = await cache.find(key);
  if (entry === undefined) return undefined;
  return readBoxes(cache.pathOf(key, BOXES), BoxesFacts.parse(entry.facts).seen);
}

async function runNetwork(
  { image, imageSha256, modelDir, session, signal, report }: ImageToDetect,
  floor: number,
  folder: string,
  detector: CellDetector,
): Promise<InferredProduct> {
  const boxes = join(folder, BOXES);
  const job = { image, imageSha256, modelDir, ...session, floor, boxes, partialDir: join(folder, 'partial') };
  const ran = await detector.detect(job, { signal, onProgress: report });
  const { seen, fallbacks, notes, ...facts } = ran;
  const { width, height } = seen;
  return {
    files: { [BOXES]: boxes },
    facts: BoxesFacts.parse({ ...facts, width, height, seen, fallbacks: [...fallbacks], notes: [...notes] }),
    ran,
  };
}
