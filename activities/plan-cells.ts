import { folderOf, readersFile } from '../toolkit/dataset/layout.ts';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { inside } from '../toolkit/files/inside.ts';
import { ofRun } from './cache-of-run.ts';
import { PlanCellsInput } from './inputs.ts';
import {
  digestIfThere,
  type Looked,
  type PlanServices,
  planStage,
  type RoiFiles,
  type StageOutline,
} from './plan-stage.ts';
import { cellOutputs, pointsDigest, restoreDetection, restoreFigure } from './roi-outputs.ts';
import { detectKey, drawCellsKey } from './step-keys.ts';

/** Compares the images of a detection task, those of the readers' COCO file, with the cache. */
export function createPlanCells(worker: PlanServices) {
  return async function planCells(input: PlanCellsInput): Promise<StageOutline> {
    const step = PlanCellsInput.parse(input);
    const { task, folders } = step;
    const services = ofRun(worker, folders);
    const truth = readersFile(task);
    const annotations = inside(folders.data, truth);
    const { images } = await readReaderAnnotations(annotations, task);
    const rois = images.map(({ stem, fileName, annotatedXyxy: [left, top, right, bottom] }): RoiFiles => {
      const image = `${folderOf('images', task)}/${fileName}`;
      return { roi: stem, image, truth, box: [left, top, right, bottom] };
    });
    const annotationsSha256 = await services.digests.sha256(annotations);
    return planStage(services, step, rois, (roi) => look(step, roi, annotationsSha256, services));
  };
}

async function look(
  { folders, model, engine, task }: PlanCellsInput,
  { roi, image, box }: RoiFiles,
  annotationsSha256: string,
  { cache, digests }: PlanServices,
): Promise<Looked> {
  const imageSha256 = await digestIfThere(digests, inside(folders.data, image));
  if (imageSha256 === undefined) return { need: 'infer' };
  const key = cache.keyOf(detectKey({ task, imageSha256, box, model, engine }));
  const entry = await cache.find(key);
  if (entry === undefined) return { key, need: 'infer' };
  const outputs = cellOutputs(task, folders.results, roi);
  await restoreDetection(cache, entry, outputs);
  const drawn = drawCellsKey({ roi, imageSha256, annotationsSha256, pointsSha256: pointsDigest(entry) });
  return { key, need: (await restoreFigure(cache, cache.keyOf(drawn), outputs.figure)) ? 'nothing' : 'draw' };
}
