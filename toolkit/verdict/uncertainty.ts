import type { VerdictConfig } from '../../config/verdict-config.ts';
import { isUnknownPatient, type OverviewByStem, patientOf, rowOf } from '../dataset/overview.ts';
import { counted } from '../format.ts';
import type { WithoutPrediction } from '../metrics/dice.ts';
import {
  countsByPatient,
  drawResamples,
  GENERATOR,
  type Measure,
  type MetricIntervals,
  type PatientCounts,
  type RoiCounts,
  resampledIntervals,
  supportOf,
} from './resampled-intervals.ts';
import type { Breakdown, PatientsFile, Uncertainty } from './verdict-file.ts';

/** With fewer patients, a warning says that intervals say little about other patients. */
const FEW_PATIENTS = 10;

/** Data from which the intervals can be computed again: the draws, and the counts that they index. */
export interface ResampleEvidence {
  /** resamples x patients, row by row. */
  readonly draws: Uint16Array;
  readonly counts: PatientsFile;
}

/** Draws the resamples for all intervals of a task. */
export function drawFor(
  patients: readonly PatientCounts[],
  matrices: readonly string[],
  side: number,
  measure: Measure,
  { resamples, seed }: Pick<VerdictConfig, 'resamples' | 'seed'>,
): ResampleEvidence & { readonly uncertainty: Uncertainty; readonly warnings: string[] } {
  const { warnings, ...uncertainty } = describeDraws(patients, measure, { resamples, seed });
  return {
    draws: drawResamples(patients.length, resamples, seed),
    counts: {
      matrices: [...matrices],
      side,
      patients: patients.map(({ id, rois, published, ours }) => ({
        id,
        rois: [...rois],
        published: [...published],
        ours: [...ours],
      })),
    },
    uncertainty,
    warnings,
  };
}

/**
 * Describes the patients and resamples behind the intervals, with a warning per group of readers that has too few
 * patients.
 */
export function describeDraws(
  patients: readonly PatientCounts[],
  measure: Measure,
  { resamples, seed }: Pick<VerdictConfig, 'resamples' | 'seed'>,
): Uncertainty & { readonly warnings: string[] } {
  const cohorts = patientsByCohort(patients, measure);
  const subject = patients.every(({ id }) => isUnknownPatient(id)) ? 'image' : 'patient';
  const groups: readonly (readonly [string, number])[] =
    cohorts === undefined ? [['', patients.length]] : Object.entries(cohorts);
  return {
    patients: patients.length,
    ...(cohorts === undefined ? {} : { cohorts }),
    resamples,
    seed,
    generator: GENERATOR,
    level: 0.95,
    warnings: [
      ...groups.flatMap(([group, count]) => warningOf(groups.length > 1 ? group : '', count, subject)),
      ...unknownPatients(patients),
    ],
  };
}

/** Counts the patients with images of each group of readers; undefined if there are no groups. */
function patientsByCohort(patients: readonly PatientCounts[], measure: Measure): Record<string, number> | undefined {
  const { cohorts } = measure;
  if (cohorts === undefined) return undefined;
  const support = supportOf(patients, measure);
  const countOf = (cohort: string) =>
    support.filter((known) => known.some((isKnown, metric) => isKnown && cohorts[metric] === cohort)).length;
  return Object.fromEntries([...new Set(cohorts)].map((cohort) => [cohort, countOf(cohort)]));
}

/** Says which resampled units are images, because the overview does not name their patients. */
function unknownPatients(patients: readonly PatientCounts[]): string[] {
  const unknown = patients.filter(({ id }) => isUnknownPatient(id)).length;
  if (unknown === 0) return [];
  const which = unknown === patients.length ? 'any image' : counted(unknown, 'image');
  return [
    `The overview gives no patient_id for ${which}: each counts as a patient of its own, so the intervals are too narrow if several are of one patient.`,
  ];
}

function warningOf(group: string, patients: number, subject: 'image' | 'patient'): string[] {
  if (patients >= FEW_PATIENTS) return [];
  const of = group === '' ? '' : ` of ${group}`;
  if (patients < 2) return [`The scores${of} rest on ${counted(patients, subject)}, so there is no interval.`];
  return [
    `The intervals${of} rest on ${patients} ${subject}s: with fewer than ${FEW_PATIENTS} they say little about other ${subject}s.`,
  ];
}

/** Columns of the overview by which results are broken down. */
const COLUMNS = ['source', 'organ', 'specimen_type', 'histological_subtype', 'scanner'] as const;

/**
 * Computes scores by source, organ, specimen, histology and scanner. Descriptive only: groups are small and not drawn
 * at random.
 *
 * @param names - Names of the scores that `measure` returns.
 */
export function breakdownOf(
  rois: readonly RoiCounts[],
  overview: OverviewByStem,
  names: readonly string[],
  measure: Measure,
): Breakdown[] {
  const known = rois.map((counts) => {
    return { ...counts, facts: rowOf(overview, counts.roi)?.facts, patient: patientOf(overview, counts.roi) };
  });
  return COLUMNS.flatMap((column) => {
    return [...groupsOf(known, ({ facts }) => facts?.[column]?.trim() || 'not given')]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([value, members]) => {
        const theirs = measure(sum(members.map(({ published }) => published)));
        const mine = measure(sum(members.map(({ ours }) => ours)));
        return {
          column,
          value,
          rois: members.length,
          patients: new Set(members.map(({ patient }) => patient)).size,
          metrics: names.map((name, k) => ({ name, published: theirs[k] ?? null, ours: mine[k] ?? null })),
        };
      });
  });
}

function groupsOf<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function sum(all: readonly ArrayLike<number>[]): Float64Array {
  const total = new Float64Array(all[0]?.length ?? 0);
  for (const counts of all) for (let k = 0; k < total.length; k++) total[k] = (total[k] ?? 0) + (counts[k] ?? 0);
  return total;
}

/** `metrics/<task>.intervals.json`: confidence intervals of the scores of an evaluation. */
export interface EvaluationIntervals extends Uncertainty {
  readonly warnings: readonly string[];
  /**
   * By name of the score. Those of the published predictions, and of the difference from them, only if these are
   * compared.
   */
  readonly intervals: Readonly<Record<string, MetricIntervals>>;
  /** For masks: annotated pixels without a prediction, and the scores if these count as missed. */
  readonly withoutPrediction?: WithoutPrediction;
  readonly publishedWithoutPrediction?: WithoutPrediction;
  /** For points: images and points that affect the scores without being visible in them. */
  readonly coverage?: PointsCoverage;
}

/** Images without points, and points where nothing was annotated. */
export interface PointsCoverage {
  readonly images: number;
  /** Images without a file: all their annotated cells count as missed. */
  readonly withoutFile: readonly string[];
  /** Images whose file has no points. */
  readonly withoutPoints: readonly string[];
  readonly points: number;
  /** Points outside the annotated box of their image, where readers did not annotate: each is a false positive. */
  readonly outsideBox: number;
}

/**
 * Computes 95 % percentile intervals over patients for the scores of an evaluation.
 *
 * @param measured.names - Names of the values that `measured.measure` returns.
 * @param measured.isCompared - Whether the counts also hold published predictions.
 */
export function evaluationIntervals(
  {
    rois,
    names,
    measure,
    isCompared,
  }: {
    readonly rois: readonly RoiCounts[];
    readonly names: readonly string[];
    readonly measure: Measure;
    readonly isCompared: boolean;
  },
  overview: OverviewByStem,
  config: Pick<VerdictConfig, 'resamples' | 'seed'>,
): EvaluationIntervals {
  const patients = countsByPatient(rois, overview);
  const draws = drawResamples(patients.length, config.resamples, config.seed);
  const intervals = resampledIntervals(patients, draws, measure).map(({ oursInterval, ...compared }, k) => [
    names[k] ?? '',
    { ...(oursInterval && { oursInterval }), ...(isCompared && compared) },
  ]);
  return { ...describeDraws(patients, measure, config), intervals: Object.fromEntries(intervals) };
}
