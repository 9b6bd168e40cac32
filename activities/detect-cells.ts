import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CacheEntry, KeyParts } from '../toolkit/cache/step-cache.ts';
import { inside } from '../toolkit/files/inside.ts';
import { refuseOtherEngine } from '../toolkit/onnx/refuse-other-engine.ts';
import { cellDefinition } from '../toolkit/tasks/registry.ts';
import type { CellDetector } from '../toolkit/yolov5/cell-detector.ts';
import { SCRIPT_LIMITS } from '../toolkit/yolov5/nms.ts';
import { countingDeaths } from './attempt-log.ts';
import { ofRun } from './cache-of-run.ts';
import { countingTiles } from './count-progress.ts';
import { withHeartbeat } from './heartbeat.ts';
import { type InferServices, type Report, type RoiOutcome, recordInference } from './infer-roi.ts';
import { DetectCellsInput } from './inputs.ts';
import { CANDIDATES, cellOutputs, DetectFacts, POINTS, restoreDetection } from './roi-outputs.ts';
import { detectKey } from './step-keys.ts';

export interface DetectServices extends InferServices {
  readonly detector: CellDetector;
}

/**
 * Detects the cells of one image; points and candidates land in the results folder.
 *
 * Safe to kill anywhere: finished tiles, then the cache entry are what the next attempt goes on from.
 */
export function createDetectCells(worker: DetectServices) {
  return async function detectCells(input: DetectCellsInput): Promise<RoiOutcome> {
    const step = DetectCellsInput.parse(input);
    const { roi, folders, task, model, engine, box } = step;
    const services = ofRun(worker, folders);
    return withHeartbeat({ roi, phase: 'reading' }, async (beat) => {
      const report: Report = countingTiles((progress) => beat({ roi, ...progress }));
      const signal = Context.current().cancellationSignal;
      const imageSha256 = await services.digests.sha256(inside(folders.data, step.image), signal);
      const parts = detectKey({ task, imageSha256, box, model, engine });
      const key = services.cache.keyOf(parts);
      const known = await services.cache.find(key);
      const done = known ?? (await computeImage(step, parts, imageSha256, services, report));
      await restoreDetection(services.cache, done, cellOutputs(task, folders.results, roi));
      if (known !== undefined) return { roi, key, cached: true, seconds: 0, tiles: 0 };
      await recordInference(folders.results, step.engine);
      await rm(join(services.home.work, key), { recursive: true, force: true });
      const { seconds, tiles } = DetectFacts.parse(done.facts);
      return { roi, key, cached: false, seconds, tiles };
    });
  };
}

async function computeImage(
  { roi, folders, task, model, engine, inference, image, box }: DetectCellsInput,
  parts: KeyParts,
  imageSha256: string,
  { home, cache, detector }: DetectServices,
  report: Report,
): Promise<CacheEntry> {
  const { cancellationSignal: signal, log } = Context.current();
  const work = join(home.work, cache.keyOf(parts));
  await mkdir(work, { recursive: true });
  const { confidence, iou } = cellDefinition(task).settings;
  const points = join(work, POINTS);
  const candidates = join(work, CANDIDATES);
  const job = {
    ...SCRIPT_LIMITS,
    confidence,
    iou,
    points,
    candidates,
    image: inside(folders.data, image),
    imageSha256,
    modelDir: join(home.models, model.digest),
    partialDir: join(work, 'partial'),
    provider: inference.provider,
    ...(box === undefined ? {} : { box }),
    ...(inference.threads === 0 ? {} : { threads: inference.threads }),
  };
  const result = await countingDeaths({ work, roi, signal }, () => {
    log.info('inference begins');
    return detector.detect(job, { signal, onProgress: report });
  });
  refuseOtherEngine(result, engine);
  const { fallbacks, notes, ...facts } = result;
  const entry = DetectFacts.parse({ ...facts, fallbacks: [...fallbacks], notes: [...notes] });
  const files = { [CANDIDATES]: candidates, ...(existsSync(points) ? { [POINTS]: points } : {}) };
  const stored = await cache.store(parts, files, entry);
  log.info('inference is in the cache', { key: stored.key, tiles: entry.tiles, seconds: entry.seconds });
  return stored;
}
