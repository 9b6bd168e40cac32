import { fileDigest } from '../toolkit/cache/step-cache.ts';
import { listHeTestRois } from '../toolkit/dataset/test-rois.ts';
import { inside } from '../toolkit/files/inside.ts';
import { ofRun } from './cache-of-run.ts';
import { PlanHeInput } from './inputs.ts';
import {
  digestIfThere,
  type Looked,
  type PlanServices,
  planStage,
  type RoiFiles,
  type StageOutline,
} from './plan-stage.ts';
import { heOutputs, MASK, restoreFigure, restoreSegmentation } from './roi-outputs.ts';
import { drawKey, segmentKey } from './step-keys.ts';

/** Compares the H&E test set with the cache. */
export function createPlanHe(worker: PlanServices) {
  return async function planHe(input: PlanHeInput): Promise<StageOutline> {
    const task = PlanHeInput.parse(input);
    const services = ofRun(worker, task.folders);
    const rois = await listHeTestRois(task.folders.data);
    const files = rois.map(({ roi, image, annotation }) => ({ roi, image, truth: annotation }));
    return planStage(services, task, files, (roi) => look(task, roi, services));
  };
}

async function look(
  { folders, model, engine, he }: PlanHeInput,
  { roi, image, truth }: RoiFiles,
  { cache, digests }: PlanServices,
): Promise<Looked> {
  const imageSha256 = await digestIfThere(digests, inside(folders.data, image));
  const truthSha256 = await digestIfThere(digests, inside(folders.data, truth));
  if (imageSha256 === undefined || truthSha256 === undefined) return { need: 'infer' };
  const sources = { imageSha256, truthSha256 };
  const key = cache.keyOf(segmentKey({ ...sources, model, engine, scope: he.scope }));
  const entry = await cache.find(key);
  if (entry === undefined) return { key, need: 'infer' };
  await restoreSegmentation(cache, entry, folders.results, roi);
  const drawn = drawKey({ roi, ...sources, maskSha256: fileDigest(entry, MASK) });
  const { figure } = heOutputs(folders.results, roi);
  return { key, need: (await restoreFigure(cache, cache.keyOf(drawn), figure)) ? 'nothing' : 'draw' };
}
