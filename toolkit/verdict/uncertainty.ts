import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { PatientCounts } from './resampled-intervals.ts';
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
  { resamples, seed }: Pick<VerdictConfig, 'resamples' | 'seed'>,
): ResampleEvidence & { readonly uncertainty: Uncertainty; readonly warnings: string[] } {
  const { warnings, ...uncertainty } = describeDraws(patients.length, { resamples, seed });
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

/** What intervals rest on, and whether that is enough. */
export function describeDraws(
  patients: number,
  { resamples, seed }: Pick<VerdictConfig, 'resamples' | 'seed'>,
): Uncertainty & { readonly warnings: string[] } {
  return {
    patients,
    resamples,
    seed,
    generator: GENERATOR,
    level: 0.95,
    warnings:
      patients < FEW_PATIENTS
        ? [`The intervals rest on ${patients} patients: fewer than ${FEW_PATIENTS} say little about others.`]
        : [],
  };
}
