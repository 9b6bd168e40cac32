import { fileDigest } from '../toolkit/cache/step-cache.ts';
import { drawCaseFigure } from '../toolkit/figures/case-figure.ts';
import { inside } from '../toolkit/files/inside.ts';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { decodeRgb } from '../toolkit/image/decode-rgb.ts';
import { ofRun } from './cache-of-run.ts';
import { type DrawnPage, drawPage, placeFigure } from './draw-page.ts';
import { DrawCasesInput, type PlannedRoi } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { heOutputs, MASK } from './roi-outputs.ts';
import { drawKey, segmentKey } from './step-keys.ts';

/** Draws the case figures of a page of H&E ROIs. */
export function createDrawCases(worker: PlanServices) {
  return async function drawCases(input: DrawCasesInput): Promise<DrawnPage> {
    const step = DrawCasesInput.parse(input);
    const services = ofRun(worker, step.folders);
    return drawPage(services, step, (roi) => drawCase(step, roi, services));
  };
}

async function drawCase(
  { folders, model, engine, he }: DrawCasesInput,
  { roi, image, truth }: PlannedRoi,
  services: PlanServices,
): Promise<boolean> {
  const { cache, digests } = services;
  const imagePath = inside(folders.data, image);
  const truthPath = inside(folders.data, truth);
  const sources = { imageSha256: await digests.sha256(imagePath), truthSha256: await digests.sha256(truthPath) };
  const segmented = await cache.find(cache.keyOf(segmentKey({ ...sources, model, engine, scope: he.scope })));
  if (segmented === undefined) return false;
  const parts = drawKey({ roi, ...sources, maskSha256: fileDigest(segmented, MASK) });
  return placeFigure(services, parts, heOutputs(folders.results, roi).figure, async (out) => {
    const figure = await drawCaseFigure({
      roi,
      image: await decodeRgb(imagePath),
      truth: await decodeLabels(truthPath),
      prediction: await decodeLabels(cache.pathOf(segmented.key, MASK)),
      out,
    });
    return figure.drawn;
  });
}
