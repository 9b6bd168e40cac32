import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { type CategoryRule, describeDoubt } from '../../toolkit/dataset/category-classes.ts';
import { folderOf, readersFile } from '../../toolkit/dataset/layout.ts';
import type { CellPoint } from '../../toolkit/dataset/readers.ts';
import { type ReaderAnnotations, readersOn, readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.ts';
import { drawCellsFigure } from '../../toolkit/figures/cells-figure.ts';
import { renderF1Figures } from '../../toolkit/figures/f1-matrix-figures.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { decodeRgb } from '../../toolkit/image/decode-rgb.ts';
import { evaluateDetection } from '../../toolkit/metrics/agreement.ts';
import type { DetectionMetrics } from '../../toolkit/metrics/agreement-metrics.ts';
import { describeRemark } from '../../toolkit/metrics/agreement-remarks.ts';
import { readFoundPoints } from '../../toolkit/metrics/points-file.ts';
import { cellsCounts } from '../../toolkit/verdict/cells-counts.ts';
import { evaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.ts';
import { type Evaluated, type EvaluationFolders, patientsOf, writeMetrics } from './evaluation.ts';
import { readPointsToScore } from './read-points.ts';

/** Scores points as the paper scores its own: one .npy (n, 3) of x, y, class an image; none where nothing was found. */
export async function evaluateCells(
  task: CellTask,
  { data, predictions, out }: EvaluationFolders,
  rule: CategoryRule = 'by-id',
): Promise<Evaluated<DetectionMetrics>> {
  const file = inside(data, readersFile(task));
  const annotations = await readReaderAnnotations(file, task, 'first', rule);
  const { found, remarks: odd } = await readPointsToScore(predictions, annotations);
  const points = (stem: string) => found.get(stem);
  const { metrics: paper, remarks } = evaluateDetection({ task, annotations, points });
  const own = await readReaderAnnotations(file, task, 'own', rule);
  const metrics = { ...paper, corrected: evaluateDetection({ task, annotations: own, points }).metrics };
  const published = await readFoundPoints(inside(data, folderOf('inference', task)), annotations);
  const isCompared = published.size > 0;
  const theirs = (stem: string) => published.get(stem);
  const counts = cellsCounts(annotations, { ours: points, published: isCompared ? theirs : points });
  const measured = evaluationIntervals({ ...counts, isCompared }, await patientsOf(data), VerdictConfig.parse({}));
  const intervals = { ...measured, warnings: [...warningsOn(annotations, rule), ...measured.warnings] };
  await writeMetrics(out, task, metrics, intervals);
  const figures = join(out, folderOf('figures', task));
  await renderF1Figures({ metrics, outDir: figures });
  await drawImages(annotations, found, data, figures);
  const reference = isCompared ? { published: evaluateDetection({ task, annotations, points: theirs }).metrics } : {};
  return {
    metrics,
    intervals,
    ...reference,
    images: annotations.images.length,
    remarks: [...odd, ...remarks.filter(({ kind }) => kind !== 'categories-doubtful').map(describeRemark)],
  };
}

/** What makes the numbers others than those of the paper's protocol, or the protocol's numbers doubtful. */
function warningsOn({ task, doubt }: ReaderAnnotations, rule: CategoryRule): readonly string[] {
  if (rule === 'by-name') {
    return ["The readers' classes are those of the categories' names; the paper's code counts them off from the ids."];
  }
  return doubt === undefined ? [] : [describeDoubt(doubt, task)];
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
