import type { VerdictConfig } from '../../config/verdict-config.ts';
import { counted } from '../text.ts';
import { type Measure, type PatientCounts, supportOf } from './resampled-intervals.ts';
import { drawResamples, GENERATOR } from './resamples.ts';
import type { PatientsFile, Uncertainty } from './verdict-file.ts';

/** Fewer patients than this say little about others. */
const FEW_PATIENTS = 10;

/** What an interval's maker leaves besides the verdict: the draws and the counts that they index. */
export interface ResampleEvidence {
  /** resamples x patients, row by row. */
  readonly draws: Uint16Array;
  readonly counts: PatientsFile;
}

/** Draws the resamples that a task's intervals share. */
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

/** What intervals rest on, for every group of readers, and whether that is enough. */
export function describeDraws(
  patients: readonly PatientCounts[],
  measure: Measure,
  { resamples, seed }: Pick<VerdictConfig, 'resamples' | 'seed'>,
): Uncertainty & { readonly warnings: string[] } {
  const cohorts = patientsByCohort(patients, measure);
  const groups: readonly (readonly [string, number])[] =
    cohorts === undefined ? [['', patients.length]] : Object.entries(cohorts);
  return {
    patients: patients.length,
    ...(cohorts === undefined ? {} : { cohorts }),
    resamples,
    seed,
    generator: GENERATOR,
    level: 0.95,
    warnings: groups.flatMap(([group, count]) => warningOf(group, count)),
  };
}

/** Patients with images of each group of readers; undefined where there are no groups. */
function patientsByCohort(patients: readonly PatientCounts[], measure: Measure): Record<string, number> | undefined {
  const { cohorts } = measure;
  if (cohorts === undefined) return undefined;
  const support = supportOf(patients, measure);
  const countOf = (cohort: string) =>
    support.filter((known) => known.some((isKnown, metric) => isKnown && cohorts[metric] === cohort)).length;
  return Object.fromEntries([...new Set(cohorts)].map((cohort) => [cohort, countOf(cohort)]));
}

function warningOf(group: string, patients: number): string[] {
  if (patients >= FEW_PATIENTS) return [];
  const of = group === '' ? '' : ` of ${group}`;
  if (patients < 2) return [`The scores${of} rest on ${counted(patients, 'patient')}: there is no interval.`];
  return [`The intervals${of} rest on ${patients} patients: fewer than ${FEW_PATIENTS} say little about others.`];
}
