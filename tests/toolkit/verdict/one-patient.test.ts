import { describe, expect, it } from 'vitest';
import { patientOf } from '../../../toolkit/dataset/overview.ts';
import { measureCells } from '../../../toolkit/verdict/cells-uncertainty.ts';
import { drawResamples, type PatientCounts, resampledIntervals } from '../../../toolkit/verdict/resampled-intervals.ts';
import { describeDraws } from '../../../toolkit/verdict/uncertainty.ts';

/** One class, so a matrix has 2 x 2 counts; the pair of RUMC first, then that of SCDC. */
const measure = measureCells(1, [new Set([0]), new Set([0])], ['RUMC', 'SCDC']);
const SETTINGS = { resamples: 200, seed: 1 };

function patient(id: string, counts: readonly number[]): PatientCounts {
  return { id, rois: [id], published: Float64Array.from(counts), ours: Float64Array.from(counts) };
}

const PATIENTS = [
  patient('1', [8, 2, 1, 0, 0, 0, 0, 0]),
  patient('2', [5, 5, 2, 0, 0, 0, 0, 0]),
  patient('3', [0, 0, 0, 0, 9, 1, 1, 0]),
];

describe('scores from one patient', () => {
  it('have no interval, while those of the other group have one', () => {
    const draws = drawResamples(PATIENTS.length, SETTINGS.resamples, SETTINGS.seed);
    const [macro, ofClass, alone, aloneClass] = resampledIntervals(PATIENTS, draws, measure);
    expect(macro?.oursInterval?.low).toBeLessThan(macro?.oursInterval?.high ?? 0);
    expect(ofClass?.differenceInterval).toMatchObject({ low: 0, high: 0 });
    expect([alone, aloneClass]).toEqual([{}, {}]);
  });

  it('are counted by the patients of their own group', () => {
    const { patients, cohorts, warnings } = describeDraws(PATIENTS, measure, SETTINGS);
    expect({ patients, cohorts }).toEqual({ patients: 3, cohorts: { RUMC: 2, SCDC: 1 } });
    expect(warnings).toEqual([
      'The intervals of RUMC rest on 2 patients: with fewer than 10 they say little about other patients.',
      'The scores of SCDC rest on 1 patient, so there is no interval.',
    ]);
  });

  it('are said to rest on images where the overview names no patients', () => {
    const images = PATIENTS.map((each) => ({ ...each, id: patientOf(new Map(), `roi${each.id}`) }));
    const tooNarrow = 'counts as a patient of its own, so the intervals are too narrow if several are of one patient.';
    expect(describeDraws(images, measure, SETTINGS).warnings).toEqual([
      'The intervals of RUMC rest on 2 images: with fewer than 10 they say little about other images.',
      'The scores of SCDC rest on 1 image, so there is no interval.',
      `The overview gives no patient_id for any image: each ${tooNarrow}`,
    ]);
    const mixed = [...PATIENTS.slice(0, 2), ...images.slice(2)];
    expect(describeDraws(mixed, measure, SETTINGS).warnings).toEqual([
      'The intervals of RUMC rest on 2 patients: with fewer than 10 they say little about other patients.',
      'The scores of SCDC rest on 1 patient, so there is no interval.',
      `The overview gives no patient_id for 1 image: each ${tooNarrow}`,
    ]);
  });

  it('have no interval if there is only one patient in total', () => {
    const one = PATIENTS.slice(0, 1);
    const intervals = resampledIntervals(one, drawResamples(1, 100, 1), measure);
    expect(intervals.every((each) => Object.keys(each).length === 0)).toBe(true);
  });
});
