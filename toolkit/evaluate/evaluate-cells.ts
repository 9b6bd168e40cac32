import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { Sha256 } from '../brands.ts';
import { type CategoryRule, describeDoubt } from '../dataset/category-classes.ts';
import type { CellPoint } from '../dataset/cell-point.ts';
import { readersFileIn } from '../dataset/find-files.ts';
import { folderOf } from '../dataset/layout.ts';
import { type ReaderAnnotations, readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { drawCellsFigure } from '../figures/cells-figure.ts';
import { renderF1Figures } from '../figures/f1-matrix.ts';
import { sha256Of } from '../files/hash-file.ts';
import { inside } from '../files/inside.ts';
import { decodeRgb } from '../image/decode-pixels.ts';
import { evaluateDetection } from '../metrics/agreement.ts';
import { describeRemark } from '../metrics/agreement-remarks.ts';
import { readFoundPoints } from '../metrics/points-file.ts';
import { cellsCounts } from '../verdict/cells-counts.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../verdict/evaluation-intervals.ts';
import { cellRows, cellSubsetScores } from './cell-rows.ts';
import {
  describeSubset,
  digestsOf,
  type Evaluated,
  type EvaluationInput,
  patientsFile,
  patientsOf,
  writeMetrics,
} from './evaluation.ts';
import { coverageOf, describeCoverage, readPointsToScore } from './read-points.ts';

/** Scores points under the paper's protocol: one .npy (n, 3) of x, y, class per image; no file if nothing was found. */
export async function evaluateCells(
  task: CellTask,
  { data, predictions, out, classes, categories: rule = 'by-id' }: EvaluationInput,
): Promise<Evaluated> {
  const file = inside(data, await readersFileIn(data, task));
  const annotations = await readReaderAnnotations(file, task, 'first', rule);
  const { found, files, remarks: pointRemarks } = await readPointsToScore(predictions, annotations);
  const points = (stem: string) => found.get(stem);
  const { metrics: paper, remarks } = evaluateDetection({ task, annotations, points });
  const own = await readReaderAnnotations(file, task, 'own', rule);
  const metrics = { ...paper, corrected: evaluateDetection({ task, annotations: own, points }).metrics };
  const published = await readFoundPoints(inside(data, folderOf('inference', task)), annotations);
  const isCompared = published.size > 0;
  const theirs = (stem: string) => published.get(stem);
  const counts = { ...cellsCounts(annotations, { ours: points, published: isCompared ? theirs : points }), isCompared };
  const [patients, config] = [await patientsOf(data), VerdictConfig.parse({})];
  const measured = evaluationIntervals(counts, patients, config);
  const coverage = coverageOf(annotations, found);
  const intervals: EvaluationIntervals = {
    ...measured,
    warnings: [...warningsOn(annotations, rule), ...describeCoverage(coverage), ...measured.warnings],
    coverage,
  };
  const scores = {
    own: metrics,
    ...(isCompared && { published: evaluateDetection({ task, annotations, points: theirs }).metrics }),
  };
  const subset = classes && cellSubsetScores(classes, scores, counts, patients, config);
  const evidence = {
    source: {
      data,
      predictions,
      files: await digestsOf(files.map((name) => [name, join(predictions, name)])),
      truth: truthOf(rule === 'by-id' ? annotations : await readReaderAnnotations(file, task)),
      categories: rule,
      ...(classes && { classes: [...classes.names] }),
    },
    counts: patientsFile(counts.pairs, counts.side, counts.rois, patients),
  };
  await writeMetrics(out, task, { metrics, intervals, ...(subset && { classes: subset.file }) }, evidence);
  const figures = join(out, folderOf('figures', task));
  if (classes === undefined) await renderF1Figures({ task, metrics, outDir: figures });
  await drawImages(annotations, found, data, figures);
  return {
    metrics,
    intervals,
    images: annotations.images.length,
    rows: subset?.rows ?? cellRows(scores, intervals),
    ...(subset && { classes: subset.file }),
    remarks: [
      ...(classes === undefined ? [] : [describeSubset(classes)]),
      ...pointRemarks,
      ...remarks.filter(({ kind }) => kind !== 'categories-doubtful').map(describeRemark),
    ],
  };
}

/**
 * Returns the SHA-256 of the readers' cells and the annotated box of each image, by stem.
 *
 * @param annotations - With classes by ID, so that the digests do not depend on `--categories`.
 */
function truthOf({ images, points }: ReaderAnnotations): Record<string, Sha256> {
  const digests = images.map(({ id, stem, annotatedXyxy }) => {
    const ofReaders = [...points].map(([reader, byImage]) => [reader, byImage.get(id) ?? null]);
    return [stem, Sha256.parse(sha256Of(JSON.stringify([annotatedXyxy, ofReaders])))] as const;
  });
  return Object.fromEntries(digests);
}

/** Warns that scores deviate from the paper's protocol, or that the protocol's scores are doubtful. */
function warningsOn({ task, doubt }: ReaderAnnotations, rule: CategoryRule): readonly string[] {
  if (rule === 'by-name') {
    return ["Classes of the readers' cells follow the category names; the paper's code derives them from the IDs."];
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
