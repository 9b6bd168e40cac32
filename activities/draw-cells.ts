import { basename } from 'node:path';
import type { CacheEntry } from '../toolkit/cache/step-cache.ts';
import type { CellPoint } from '../toolkit/dataset/cell-point.ts';
import { readersFile } from '../toolkit/dataset/layout.ts';
import { type ReaderAnnotations, readersOn, readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { drawCellsFigure } from '../toolkit/figures/cells-figure.ts';
import { inside } from '../toolkit/files/inside.ts';
import { decodeRgb } from '../toolkit/image/decode-rgb.ts';
import { readPoints } from '../toolkit/metrics/points-file.ts';
import { ofRun } from './cache-of-run.ts';
import { type DrawnPage, drawPage, placeFigure } from './draw-page.ts';
import { DrawCellsInput, type PlannedRoi } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { cellOutputs, POINTS, pointsDigest } from './roi-outputs.ts';
import { detectKey, drawCellsKey } from './step-keys.ts';

/** Draws the figures of a page of detection images. */
export function createDrawCells(worker: PlanServices) {
  return async function drawCells(input: DrawCellsInput): Promise<DrawnPage> {
    const step = DrawCellsInput.parse(input);
    const services = ofRun(worker, step.folders);
    const path = inside(step.folders.data, readersFile(step.task));
    const annotations = await readReaderAnnotations(path, step.task);
    const annotationsSha256 = await services.digests.sha256(path);
    return drawPage(services, step, (roi) => drawImage(step, roi, { annotations, annotationsSha256 }, services));
  };
}

async function drawImage(
  { folders, model, engine, task }: DrawCellsInput,
  { roi, image, box }: PlannedRoi,
  readers: { readonly annotations: ReaderAnnotations; readonly annotationsSha256: string },
  services: PlanServices,
): Promise<boolean> {
  const { annotations, annotationsSha256 } = readers;
  const { cache } = services;
  const path = inside(folders.data, image);
  const imageSha256 = await services.digests.sha256(path);
  const detected = await cache.find(cache.keyOf(detectKey({ task, imageSha256, box, model, engine })));
  const annotated = annotations.images.find(({ stem }) => stem === roi);
  if (detected === undefined || annotated === undefined) return false;
  const parts = drawCellsKey({ roi, imageSha256, annotationsSha256, pointsSha256: pointsDigest(detected) });
  return placeFigure(services, parts, cellOutputs(task, folders.results, roi).figure, async (out) => {
    await drawCellsFigure({
      task,
      fileName: basename(image),
      image: await decodeRgb(path),
      annotatedXyxy: annotated.annotatedXyxy,
      readers: readersOn(annotations, annotated.id),
      ai: await pointsOf(services, detected, task),
      out,
    });
    return true;
  });
}

/** The points of a detection; none where there is no file of them. */
export async function pointsOf(
  { cache }: Pick<PlanServices, 'cache'>,
  entry: CacheEntry,
  task: DrawCellsInput['task'],
): Promise<readonly CellPoint[]> {
  return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}
