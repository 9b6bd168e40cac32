import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readMaskPair } from '../../toolkit/dataset/read-mask-pair.ts';
import { type HeTestRoi, listHeTestRois } from '../../toolkit/dataset/test-rois.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { drawCaseFigure } from '../../toolkit/figures/case-figure.ts';
import { renderHeFigures } from '../../toolkit/figures/he-figures.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { decodeRgb } from '../../toolkit/image/decode-rgb.ts';
import { evaluateHe, type RoiMasks } from '../../toolkit/metrics/evaluate-he.ts';
import { type HeMetrics, heMetrics } from '../../toolkit/metrics/he-metrics.ts';
import { type Evaluated, type EvaluationFolders, writeMetrics } from './evaluation.ts';

interface Pair extends HeTestRoi {
  readonly prediction: string;
}

/** Scores masks as the paper scores its own: one PNG of label values an ROI, named as in the record's inference/he. */
export async function evaluateTissue({ data, predictions, out }: EvaluationFolders): Promise<Evaluated<HeMetrics>> {
  const pairs = await pairUp(data, predictions);
  const { total } = await evaluateHe(readPairs(data, pairs));
  const metrics = heMetrics(total);
  await writeMetrics(out, 'he', metrics);
  await renderHeFigures({ metrics, outDir: join(out, 'figures', 'he') });
  return { metrics, images: pairs.length, remarks: await drawCases(data, out, pairs) };
}

async function pairUp(data: string, predictions: string): Promise<Pair[]> {
  const rois = await listHeTestRois(data);
  return rois.map((roi) => {
    const prediction = join(predictions, `${roi.roi}.png`);
    if (existsSync(prediction)) return { ...roi, prediction };
    throw new ReigniteError('ROI_UNPAIRED', `There is no prediction ${prediction} for the ROI ${roi.roi}.`);
  });
}

async function* readPairs(data: string, pairs: readonly Pair[]): AsyncGenerator<RoiMasks> {
  for (const { roi, annotation, prediction } of pairs) yield readMaskPair(roi, inside(data, annotation), prediction);
}

async function drawCases(data: string, out: string, pairs: readonly Pair[]): Promise<string[]> {
  const remarks: string[] = [];
  for (const { roi, image, annotation, prediction } of pairs) {
    const path = inside(data, image);
    if (!existsSync(path)) continue;
    const figure = await drawCaseFigure({
      roi,
      image: await decodeRgb(path),
      truth: await decodeLabels(inside(data, annotation)),
      prediction: await decodeLabels(prediction),
      out: join(out, 'figures', 'he', 'cases', `${roi}.png`),
    });
    if (!figure.drawn) remarks.push(`${roi}: no figure. ${figure.reason}.`);
  }
  return remarks;
}
