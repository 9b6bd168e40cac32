import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { Sha256 } from '../cache/file-digests.ts';
import { type CategoryRule, describeDoubt } from '../dataset/category-classes.ts';
import { folderOf, readersFileIn } from '../dataset/layout.ts';
import type { OverviewByStem } from '../dataset/overview.ts';
import { type ReaderAnnotations, readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { drawCellsFigure } from '../figures/cells-figure.ts';
import { renderF1Figures } from '../figures/f1-matrix.ts';
import { inside } from '../files/folders.ts';
import { sha256Of } from '../files/hash-file.ts';
import { decodeRgb } from '../image/decode-pixels.ts';
import { type DetectionMetrics, describeRemark, evaluateDetection } from '../metrics/agreement.ts';
import { type ClassSubset, describeSubset, subsetAgreement } from '../metrics/class-subset.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { type CellPoint, readFoundPoints } from '../metrics/points-file.ts';
import type { Evaluated, EvaluationInput, ScoreRow } from '../tasks/work.ts';
import { type CellsCounts, cellsCounts } from '../verdict/cells-uncertainty.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../verdict/uncertainty.ts';
import { digestsOf, patientsFile, patientsOf, writeMetrics } from './evaluation.ts';
import { coverageOf, describeCoverage, readPointsToScore } from './prediction-files.ts';

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

/** Metrics of the scored points, and of the published ones if there are any. */
interface ScoredCells {
  readonly own: DetectionMetrics;
  readonly published?: DetectionMetrics;
}

/**
 * Returns the macro F1 of every pair, group by group. Pairs of two readers have no interval, because they are not
 * predictions.
 */
function cellRows({ own, published }: ScoredCells, { intervals }: Pick<EvaluationIntervals, 'intervals'>): ScoreRow[] {
  const theirs = published && new Map(macrosOf(published).map(({ name, value }) => [name, value]));
  return macrosOf(own).map(({ label, name, value }) => {
    const interval = intervals[`${name}, macro`]?.oursInterval;
    return {
      label,
      value,
      without: 'no image in common',
      ...(interval && { interval }),
      ...(theirs && { published: theirs.get(name) ?? null }),
    };
  });
}

function macrosOf({ groups }: DetectionMetrics) {
  return Object.entries(groups).flatMap(([group, { readers, f1 }]) =>
    (f1['macro'] ?? []).flatMap((scores, i) =>
      scores.flatMap((value, j) => {
        const [truth, prediction] = [readers[i], readers[j]];
        if (i >= j) return [];
        return [{ label: `${group}: ${truth} | ${prediction}`, name: `${group}: ${truth}|${prediction}`, value }];
      }),
    ),
  );
}

const MACRO = 'macro';

/**
 * Computes F1 of every pair on the requested classes, with all others merged; macro is the mean over these, including
 * `other`.
 */
function cellSubsetScores(
  subset: ClassSubset,
  { own, published }: ScoredCells,
  { pairs, side, rois, isCompared }: CellsCounts & { readonly isCompared: boolean },
  patients: OverviewByStem,
  config: VerdictConfig,
): { readonly rows: readonly ScoreRow[]; readonly file: object } {
  const names = pairs.flatMap((pair) => [MACRO, ...subset.names].map((name) => `${pair}, ${name}`));
  const length = side * side;
  const measure = (counts: Float64Array) =>
    pairs.flatMap((_, k) =>
      numbersOf(new ConfusionMatrix(side, counts.slice(k * length, (k + 1) * length)), subset).map(
        ({ value }) => value,
      ),
    );
  const measured = { rois, names, measure, isCompared };
  const { intervals, warnings: _, ...uncertainty } = evaluationIntervals(measured, patients, config);
  const theirs = published && new Map(scoresOf(published, subset).map(({ name, value }) => [name, value]));
  const scores = scoresOf(own, subset);
  const rows = scores.map(({ name, value, isCommon }): ScoreRow => {
    const interval = intervals[name]?.oursInterval;
    return {
      label: name.replace('|', ' | '),
      value,
      without: isCommon ? 'absent' : 'no image in common',
      ...(interval && { interval }),
      ...(theirs && { published: theirs.get(name) ?? null }),
    };
  });
  const f1 = Object.fromEntries(scores.map(({ name, value }) => [name, value]));
  return { rows, file: { classes: subset.names, other: subset.merged, f1, ...uncertainty, intervals } };
}

/** Scores every pair of every group, macro first. */
function scoresOf({ groups }: DetectionMetrics, subset: ClassSubset) {
  return Object.entries(groups).flatMap(([group, { confusion }]) =>
    Object.entries(confusion).flatMap(([pair, rows]) => {
      const numbers =
        rows === null
          ? [MACRO, ...subset.names].map((name) => ({ name, value: null }))
          : numbersOf(ConfusionMatrix.fromRows(rows), subset);
      return numbers.map(({ name, value }) => ({
        name: `${group}: ${pair}, ${name}`,
        value,
        isCommon: rows !== null,
      }));
    }),
  );
}

/** Computes macro F1 and the F1 of each class; null for a class that the first reader of the pair does not have. */
function numbersOf(counts: ConfusionMatrix, subset: ClassSubset): { name: string; value: number | null }[] {
  const { scores, confusion } = subsetAgreement(counts, subset);
  const classes = subset.names.map((name, k) => ({
    name,
    value: confusion.rowSum(k) === 0 ? null : (scores.f1[k] ?? null),
  }));
  const isEmpty = classes.every(({ value }) => value === null);
  return [{ name: MACRO, value: isEmpty ? null : scores.macro.f1 }, ...classes];
}
