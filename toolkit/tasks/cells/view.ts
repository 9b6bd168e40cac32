import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import { folderOf, readersFileIn } from '../../dataset/layout.ts';
import { readersOn, readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { inside } from '../../files/folders.ts';
import { AgreementRemark, DetectionMetrics, describeRemark } from '../../metrics/agreement.ts';
import { drawCellsLayers } from '../../report/layers/cells-layers.ts';
import type { DrawnRoi } from '../../report/layers/draw-layers.ts';
import { decimal } from '../../report/page/html.ts';
import { RESULTS } from '../../results/results-folder.ts';
import type { CellsVerdictFile, ComparedMetric, HeVerdictFile, TumourProportion } from '../../verdict/verdict-file.ts';
import type { DetailTable, MethodsInput, ScoreGroup, VerdictView } from '../kind.ts';
import { type CellTaskDefinition, cellDefinition, settingsInEffect } from '../registry.ts';
import { tileOf } from '../work.ts';

/** Returns what a report shows of a verdict on points. */
export function cellsView(verdict: HeVerdictFile | CellsVerdictFile): VerdictView {
  if (!('f1' in verdict))
    throw new ReigniteError('INTERNAL', `The verdict on ${verdict.task} does not compare points.`);
  const { f1, readers, tumourProportion } = verdict;
  return {
    numbers: [{ caption: 'F1 of every reader with the AI', metrics: namedClasses(verdict.task, f1) }],
    notes: readers.map(
      ({ group, lowest, highest }) =>
        `The macro F1 of any two readers${readers.length > 1 ? ` of ${group}` : ''} is between ${decimal(lowest)} and ${decimal(highest)}.`,
    ),
    otherReadings: [lowestIndexTable(verdict)],
    researchScores: tumourProportion === undefined ? [] : [proportionTable(tumourProportion)],
    accessibleFigures: async (metrics) => {
      // Vega takes a second to load.
      const { accessibleCellFigures } = await import('../../figures/report-figures.ts');
      return accessibleCellFigures(DetectionMetrics.parse(metrics), f1);
    },
  };
}

/** Suffix of the F1 of one class in a verdict: the class index. */
const NUMBERED = /, class (\d+)$/;

/** Replaces class indices by names. With only one class, its F1 equals the mean and is dropped. */
function namedClasses(task: CellTask, metrics: readonly ComparedMetric[]): readonly ComparedMetric[] {
  const { classes } = cellDefinition(task);
  return metrics.flatMap((metric) => {
    const number = NUMBERED.exec(metric.name)?.[1];
    if (number === undefined) return [{ ...metric, name: pairText(task, metric.name) }];
    if (classes.length === 1) return [];
    const name = metric.name.replace(NUMBERED, `, ${classes[Number(number)] ?? `class ${number}`}`);
    return [{ ...metric, name: pairText(task, name) }];
  });
}

/**
 * Formats the name of a pair, such as "RUMC: reader P1 and AI, macro", without the group if there is only one, and
 * without "macro" if there is only one class.
 */
function pairText(task: CellTask, name: string): string {
  const { classes, groups } = cellDefinition(task);
  const ofGroup = groups.length === 1 ? name.replace(`${groups[0]?.name}: `, '') : name;
  return (classes.length === 1 ? ofGroup.replace(/, macro$/, '') : ofGroup).replace('|', ' and ');
}

function lowestIndexTable({ task, f1LowestIndex }: CellsVerdictFile): DetailTable {
  const rows = f1LowestIndex
    .filter(({ name }) => name.endsWith(', macro'))
    .map(({ name, published, ours, difference }) => [
      pairText(task, name),
      decimal(published),
      decimal(ours),
      decimal(difference, 6),
    ]);
  return {
    summary: 'F1 if points at equal distance are matched in the order of the file',
    caption: 'A difference that this order explains does not affect the verdict',
    head: ['', 'published', 'reproduced', 'difference'],
    rows,
  };
}

function proportionTable({ definition, readers }: TumourProportion): DetailTable {
  return {
    summary: 'Tumour proportion score (for research only)',
    introduction: `${definition} Differences are in percentage points.`,
    caption: 'The AI against every reader',
    head: [
      '',
      'images',
      'AI minus reader, mean',
      'mean absolute difference',
      'published AI minus reader, mean',
      'same category (< 1, 1 to 49, ≥ 50 %)',
    ],
    rows: readers.map((each) => [
      each.reader,
      String(each.rois),
      decimal(each.meanDifference, 1),
      decimal(each.meanAbsoluteDifference, 1),
      decimal(each.publishedMeanDifference, 1),
      `${each.sameCategory} of ${each.rois}`,
    ]),
  };
}

/** Returns the mean F1 of every pair, per group of readers. */
export function cellsScoreGroups(metrics: unknown): readonly ScoreGroup[] {
  const { groups } = DetectionMetrics.parse(metrics);
  return Object.entries(groups).map(([group, { readers, f1 }]) => ({
    title: `F1, mean over the classes, ${group}`,
    without: 'no image in common',
    scores: (f1['macro'] ?? []).flatMap((row, i) =>
      row.flatMap((value, j) => (i < j ? [{ name: `${readers[i]} | ${readers[j]}`, value }] : [])),
    ),
  }));
}

/**
 * Reads what the metrics leave out or count in an unexpected way. Doubtful categories are left out, since the verdict
 * warns of them.
 */
export async function readCellsRemarks(results: string, task: string): Promise<readonly string[]> {
  const remarks = z.array(AgreementRemark).parse(await RESULTS.remarks.read(results, task));
  return remarks.filter(({ kind }) => kind !== 'categories-doubtful').map(describeRemark);
}

/** Describes how cells were detected. */
export function cellsMethods(definition: CellTaskDefinition, { settings, model, regions }: MethodsInput): string {
  const { detected, hitRadius } = definition;
  const { tile, confidence, iou } = settingsInEffect(definition, settings);
  const whose = settings.model === undefined ? "the record's" : 'a custom';
  const detector = `${whose} ${model?.kind === 'onnx' ? 'ONNX' : model?.kind === 'yolo' ? 'Ultralytics YOLO' : 'YOLOv5'} detector`;
  return (
    `${detected} with ${detector} in tiles of ${tileOf(model) ?? `${tile} x ${tile}`} px (detection score above ${confidence}, IoU threshold ${iou}) and ` +
    `matched with the points of every reader within ${hitRadius} px, one to one; the F1 of a pair of readers, or of a reader and the model, was computed over the images that both annotated or predicted, of ` +
    `${regions}, and averaged over the classes.`
  );
}

/** Returns the images of cells whose layers can be drawn for the viewer. */
export async function cellsLayers(
  task: CellTask,
  { results, data }: { readonly results: string; readonly data: string },
  maxDistance: number,
): Promise<readonly DrawnRoi[]> {
  const truth = inside(data, await readersFileIn(data, task));
  const annotations = await readReaderAnnotations(truth, task);
  return annotations.images.map(({ id, stem, fileName }) => {
    const file = `${folderOf('inference', task)}/${stem}.npy`;
    const sources = {
      image: inside(data, `${folderOf('images', task)}/${fileName}`),
      published: inside(data, file),
      ours: inside(results, file),
    };
    const readers = readersOn(annotations, id);
    const draw: DrawnRoi['draw'] = (limit, writer) =>
      drawCellsLayers({ task, ...sources, readers, maxDistance }, limit, writer);
    return { task, roi: stem, sources: [...Object.values(sources), truth], settings: `near ${maxDistance}`, draw };
  });
}
