import { parse } from 'node:path';
import type { OverviewRow } from '../dataset/overview.ts';
import type { PatientCounts } from './resampled-intervals.ts';

/** Rows of the overview by the stem of their image. */
export type OverviewByStem = ReadonlyMap<string, OverviewRow>;

const WITH_CONTEXT = '_with_context';
const UNKNOWN = 'image ';

/** Indexes rows by the stem of their image; the first row wins. */
export function overviewByStem(rows: readonly OverviewRow[]): OverviewByStem {
  const byStem = new Map<string, OverviewRow>();
  for (const row of rows) {
    const stem = parse(row.imagePath).name;
    if (!byStem.has(stem)) byStem.set(stem, row);
  }
  return byStem;
}

/** Finds the row of an ROI. H&E results are named after the image with context, the overview names the one without. */
export function rowOf(overview: OverviewByStem, roi: string): OverviewRow | undefined {
  return overview.get(roi) ?? overview.get(roi.endsWith(WITH_CONTEXT) ? roi.slice(0, -WITH_CONTEXT.length) : roi);
}

/** Returns the patient ID of an ROI. An ROI that is not in the overview counts as a separate patient. */
export function patientOf(overview: OverviewByStem, roi: string): string {
  const id = rowOf(overview, roi)?.facts['patient_id']?.trim();
  return id === undefined || id === '' ? `${UNKNOWN}${roi}` : id;
}

/** Returns whether an ID of `patientOf` is that of an ROI whose patient is unknown. */
export function isUnknownPatient(id: string): boolean {
  return id.startsWith(UNKNOWN);
}

/** Counts of one ROI: its confusion matrices, concatenated. */
export interface RoiCounts {
  readonly roi: string;
  readonly published: ArrayLike<number>;
  readonly ours: ArrayLike<number>;
}

/** Sums the counts of each patient's ROIs; sorted by patient ID, in the order of code points. */
export function countsByPatient(rois: readonly RoiCounts[], overview: OverviewByStem): readonly PatientCounts[] {
  const patients = new Map<string, { rois: string[]; published: Float64Array; ours: Float64Array }>();
  for (const { roi, published, ours } of rois) {
    const id = patientOf(overview, roi);
    const known = patients.get(id);
    if (known === undefined) {
      patients.set(id, { rois: [roi], published: Float64Array.from(published), ours: Float64Array.from(ours) });
    } else {
      known.rois.push(roi);
      add(known.published, published);
      add(known.ours, ours);
    }
  }
  return [...patients]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([id, counts]) => ({ id, ...counts }));
}

function add(sum: Float64Array, counts: ArrayLike<number>): void {
  for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] ?? 0) + (counts[k] ?? 0);
}
