import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { folderOf, readersFile } from '../../toolkit/dataset/layout.ts';
import type { CellPoint } from '../../toolkit/dataset/readers.ts';
import { type ReaderAnnotations, readersOn, readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { drawCellsFigure } from '../../toolkit/figures/cells-figure.ts';
import { renderF1Figures } from '../../toolkit/figures/f1-matrix-figures.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { decodeRgb } from '../../toolkit/image/decode-rgb.ts';
import { evaluateDetection } from '../../toolkit/metrics/agreement.ts';
import type { DetectionMetrics } from '../../toolkit/metrics/agreement-metrics.ts';
import { describeRemark } from '../../toolkit/metrics/agreement-remarks.ts';
import { readFoundPoints } from '../../toolkit/metrics/points-file.ts';
import { type Evaluated, type EvaluationFolders, writeMetrics } from './evaluation.ts';

/** Scores points as the paper scores its own: one .npy (n, 3) of x, y, class an image; none where nothing was found. */
export async function evaluateCells(
  task: CellTask,
  { data, predictions, out }: EvaluationFolders,
): Promise<Evaluated<DetectionMetrics>> {
  const file = inside(data, readersFile(task));
  const annotations = await readReaderAnnotations(file, task);
  const found = await readFoundPoints(predictions, annotations);
  if (found.size === 0) {
    throw new ReigniteError('ROI_UNPAIRED', `${predictions} holds no .npy file of any image of the task ${task}.`, {
      remedy: 'Give the folder that directly holds <image>.npy, an array of x, y and class a cell.',
    });
  }
  const points = (stem: string) => found.get(stem);
  const { metrics: paper, remarks } = evaluateDetection({ task, annotations, points });
  const own = await readReaderAnnotations(file, task, 'own');
  const metrics = { ...paper, corrected: evaluateDetection({ task, annotations: own, points }).metrics };
  await writeMetrics(out, task, metrics);
  const figures = join(out, folderOf('figures', task));
  await renderF1Figures({ metrics, outDir: figures });
  await drawImages(annotations, found, data, figures);
  const published = await readFoundPoints(inside(data, folderOf('inference', task)), annotations);
  const reference =
    published.size === 0
      ? {}
      : { published: evaluateDetection({ task, annotations, points: (stem) => published.get(stem) }).metrics };
  return { metrics, ...reference, images: annotations.images.length, remarks: remarks.map(describeRemark) };
}

async function drawImages(
  annotations: ReaderAnnotations,
  found: ReadonlyMap<string, readonly CellPoint[]>,
  data: string,
  figures: string,
): Promise<void> {
  const { task, images } = annotations;
  for (const { id, fileName, stem, annotatedXyxy } of images) {
    const path = inside(data, `${folderOf('images', task)}/${fileName}`);
    if (!existsSync(path)) continue;
    await drawCellsFigure({
      task,
      fileName,
      annotatedXyxy,
      image: await decodeRgb(path),
      readers: readersOn(annotations, id),
      ai: found.get(stem) ?? [],
      out: join(figures, `${stem}.png`),
    });
  }
}
