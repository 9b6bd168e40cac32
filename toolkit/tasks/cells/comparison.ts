import { existsSync } from 'node:fs';
import { makeFacts } from '../../cache/make.ts';
import { folderOf, readersFileIn } from '../../dataset/layout.ts';
import { overviewByStem } from '../../dataset/overview.ts';
import { type ReaderAnnotations, readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { ReadF1Figure, readF1Figure } from '../../figures/read-f1-figure.ts';
import { unlessMissing } from '../../files/file-access.ts';
import { inside } from '../../files/folders.ts';
import { counted, grouped, listed } from '../../format.ts';
import { decodeRgb } from '../../image/decode-pixels.ts';
import { AI, pairName } from '../../metrics/agreement.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { addCellsUncertainty } from '../../verdict/cells-uncertainty.ts';
import { comparePoints, scoredImage } from '../../verdict/compare-roi.ts';
import { type JudgedImage, judgeCells } from '../../verdict/judge-cells.ts';
import type { PrintedF1 } from '../../verdict/printed-f1.ts';
import type { CellsVerdictFile, Reading } from '../../verdict/verdict-file.ts';
import { readCandidatesFile } from '../../yolo/detect/detection-files.ts';
import { type CellTaskDefinition, changedSettings, type DetectionSettings, type ReaderGroup } from '../registry.ts';
import {
  type Comparison,
  type ComparisonInput,
  entryOf,
  type PlannedRoi,
  publishedOr,
  type RoiToCompare,
  type TaskWork,
} from '../work.ts';
import { CANDIDATES, pointsOf } from './cells.ts';
import { declaredImages, type FoundCells } from './discrepancies.ts';

type FindCells = (planned: PlannedRoi) => Promise<FoundCells>;

/**
 * Compares our points with the published ones. It is unknown whether these were made with the settings in effect in the
 * authors' script or with those that it declares. If cells were detected with both, the comparison uses the settings
 * that explain more of the published points, and says so.
 */
export async function compareCells(definition: CellTaskDefinition, input: ComparisonInput): Promise<Comparison> {
  const { overview, verdict: config, settings, work } = input;
  const annotations = await readReaderAnnotations(
    inside(work.data, await readersFileIn(work.data, definition.name)),
    definition.name,
  );
  const printed = await printedScores(definition, annotations, input);
  const rows = overviewByStem(overview);
  const changed = changedSettings(definition, settings);
  const judge = (images: readonly JudgedImage[]) => {
    const judged = { images, annotations, overview: rows, config };
    return {
      judged,
      verdict: withChange(
        judgeCells({ task: definition.name, ...judged, printed, hasOtherSettings: changed !== undefined }),
        changed,
      ),
    };
  };
  const inEffect = judge(await compareImages(definition, input, (planned) => findInEffect(definition, planned, input)));
  const declared = await declaredImages(definition, work);
  const isOpen = definition.declared !== undefined && changed === undefined;
  const hasOtherSettings = isOpen && inEffect.verdict.inference.verdict === 'differs';
  if (!hasOtherSettings || definition.declared === undefined || declared === undefined) {
    return { ...addCellsUncertainty(inEffect.verdict, inEffect.judged), isUndecided: hasOtherSettings };
  }
  const other = judge(await compareImages(definition, input, ({ roi }) => declared(roi)));
  const isDeclared = explainedShare(other.verdict) > explainedShare(inEffect.verdict);
  const readings = [
    reading('settings in effect', definition.settings, inEffect.verdict, !isDeclared),
    reading('declared settings', definition.declared.settings, other.verdict, isDeclared),
  ];
  const [{ verdict, judged }, notChosen] = isDeclared ? [other, inEffect] : [inEffect, other];
  const explained = explainedBySettings(verdict, notChosen.verdict);
  return addCellsUncertainty(withReadings(explained, readings), judged);
}

/** Returns the printed F1 values. Those in the configuration take precedence over those in the record's figures. */
async function printedScores(
  definition: CellTaskDefinition,
  { groups }: ReaderAnnotations,
  { verdict, work }: ComparisonInput,
): Promise<PrintedF1 | undefined> {
  const values = verdict.published[definition.name];
  if (values !== undefined) return { values, source: 'in the configuration', unread: [] };
  return printedInFigures(definition, groups, work);
}

async function compareImages(
  definition: CellTaskDefinition,
  input: ComparisonInput,
  find: FindCells,
): Promise<readonly JudgedImage[]> {
  const { rois, work } = input;
  const images: JudgedImage[] = [];
  for (const roi of rois) {
    work.signal.throwIfAborted();
    images.push(await compareImage(definition, roi, input, find));
    work.report({ phase: 'comparing', done: images.length, of: rois.length, roi: roi.planned.roi });
  }
  return images;
}

async function compareImage(
  { name }: CellTaskDefinition,
  { planned, failure }: RoiToCompare,
  { work, verdict }: ComparisonInput,
  find: FindCells,
): Promise<JudgedImage> {
  const { roi } = planned;
  if (failure !== undefined)
    return { kind: 'not compared', roi, reason: `This run has no prediction of it (${failure}).` };
  const ours = await find(planned);
  if (ours.kind === 'none') return { kind: 'not compared', roi, reason: ours.reason };
  const path = inside(work.data, `${folderOf('inference', name)}/${roi}.npy`);
  const published = await publishedOr(work.data, () => publishedPoints(path, name, ours.points.length));
  if (published.kind === 'unreadable') return { kind: 'not compared', roi, reason: published.reason };
  const comparison = comparePoints(scoredImage(roi, ours.points, ours.candidates), published.read, verdict.cells);
  const overLimit = ours.candidates.candidates.filter(({ outcome }) => outcome === 'limit').length;
  return { kind: 'compared', roi, comparison, published: published.read, ours: ours.points, overLimit };
}

async function findInEffect(
  { name }: CellTaskDefinition,
  planned: PlannedRoi,
  { work: { cache } }: ComparisonInput,
): Promise<FoundCells> {
  const entry = await entryOf(cache, planned);
  const candidates = await readCandidatesFile(cache.pathOf(entry.key, CANDIDATES));
  return { kind: 'found', points: await pointsOf(cache, entry, name), candidates };
}

/**
 * Reads the published points. The authors write no file for an image without points, so that a missing file agrees with
 * ours if we found none either.
 */
async function publishedPoints(
  path: string,
  task: CellTaskDefinition['name'],
  ours: number,
): Promise<readonly CellPoint[]> {
  const reading = readPoints(path, task);
  return ours === 0 ? ((await unlessMissing(reading)) ?? []) : reading;
}

/** Warns that the points were detected with other settings than the published ones. */
function withChange(verdict: CellsVerdictFile, changed: string | undefined): CellsVerdictFile {
  if (changed === undefined) return verdict;
  const warning = `WARNING: Detected with ${changed}. Points may differ from the published ones for this reason alone.`;
  return { ...verdict, warnings: [warning, ...verdict.warnings] };
}

/** Gives the other settings as explanation for images that differ with the chosen settings but not with the others. */
function explainedBySettings(chosen: CellsVerdictFile, other: CellsVerdictFile): CellsVerdictFile {
  const isExplained = new Set(
    other.rois.flatMap(({ roi, verdict }) => (verdict === 'reproduced' || verdict === 'within tolerance' ? [roi] : [])),
  );
  const rois = chosen.rois.map((roi) =>
    roi.explanation === 'unexplained' && isExplained.has(roi.roi)
      ? { ...roi, explanation: 'other settings' as const }
      : roi,
  );
  return { ...chosen, rois };
}

/** Returns the share of points that have a counterpart, of the side with more points. */
function explainedShare({ inference: { pooled } }: CellsVerdictFile): number {
  const most = Math.max(pooled.ours, pooled.published);
  return most === 0 ? 1 : pooled.matched / most;
}

function reading(
  name: Reading['name'],
  settings: DetectionSettings,
  { inference: { pooled } }: CellsVerdictFile,
  chosen: boolean,
): Reading {
  const { ours, published, matched } = pooled;
  return { name, ...settings, ours, published, matched, chosen };
}

/** Adds to the reason of the verdict which settings were compared, and how many points each explains. */
function withReadings(verdict: CellsVerdictFile, readings: readonly Reading[]): CellsVerdictFile {
  const shares = readings.map(
    ({ name, tile, confidence, iou, matched, published }) =>
      `the ${name} (tile ${tile}, confidence ${confidence}, IoU ${iou}) match ${grouped(matched)} of ${counted(published, 'published point')}`,
  );
  const chosen = readings.find((each) => each.chosen)?.name ?? 'settings in effect';
  const { inference } = verdict;
  const reason = `${inference.reason} The verdict uses the ${chosen}: ${shares.join(', ')}.`;
  return { ...verdict, inference: { ...inference, reason }, readings: [...readings] };
}

/** Must be raised when figures are read in another way. */
const READING_SCHEMA = 1;

/** The parts of a task's work that are needed to read figures. */
type PrintedWork = Pick<TaskWork, 'data' | 'cache' | 'digests' | 'signal'>;

/**
 * Reads the F1 values printed in the record's figures, which in the IGNITE record are the only published scores of the
 * detection tasks.
 *
 * @param groups - The groups of readers, named as in the record.
 * @param work - Its cache stores the values by the digest of the figure.
 * @returns Undefined if the record has no such figure.
 */
export async function printedInFigures(
  definition: CellTaskDefinition,
  groups: readonly ReaderGroup[],
  work: PrintedWork,
): Promise<PrintedF1 | undefined> {
  const values: Record<string, number> = {};
  const read: string[] = [];
  const unread: string[] = [];
  for (const { name, scale } of definition.groups) {
    const figure = `f1_scores_${name}.png`;
    const path = inside(work.data, `${folderOf('figures', definition.name)}/${figure}`);
    const readers = [...(groups.find((group) => group.name === name)?.readers ?? []), AI];
    if (!existsSync(path)) continue;
    const found = await readFigure(path, readers.length, scale, work);
    if (found.kind === 'refused') unread.push(`${figure} (${found.reason})`);
    else {
      read.push(figure);
      for (const { truth, prediction, f1 } of found.cells) {
        values[pairName(readers[truth] ?? '', readers[prediction] ?? '')] = f1;
      }
    }
  }
  if (read.length + unread.length === 0) return undefined;
  return { values, source: `in ${listed(read)}`, unread };
}

type Scale = CellTaskDefinition['groups'][number]['scale'];

/**
 * Reads a figure, with caching: each entry is compared with renderings of every number, which is too slow to repeat in
 * every run.
 */
async function readFigure(path: string, readers: number, scale: Scale, work: PrintedWork): Promise<ReadF1Figure> {
  const figure = await work.digests.sha256(path, work.signal);
  const parts = { step: 'read-f1-figure', schema: READING_SCHEMA, figure, readers, scale };
  try {
    const read = async () => readF1Figure(await decodeRgb(path), readers, scale);
    return ReadF1Figure.parse(await makeFacts(work, parts, read));
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE') {
      return { kind: 'refused', reason: error.message };
    }
    throw error;
  }
}
