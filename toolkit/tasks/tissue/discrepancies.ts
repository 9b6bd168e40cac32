import type { TissueTask } from '../../../config/tasks.ts';
import { labelMapFileIn } from '../../dataset/find-files.ts';
import { readLabelMap } from '../../dataset/label-map.ts';
import { sumOfConfusions } from '../../metrics/evaluate-he.ts';
import type { DiscrepancyEntry } from '../../verdict/discrepancies/discrepancies-file.ts';
import {
  backgroundEntry,
  labelNameEntry,
  roundingEntry,
  strayEntry,
  unannotatedEntry,
} from '../../verdict/discrepancies/tissue-entries.ts';
import type { DiscrepancyTask } from '../kind.ts';
import type { TaskWork } from '../work.ts';
import { roundedAgain, tissueRois } from './rounding.ts';

/** Measures where the authors' code for tissue does something unexpected. */
export async function tissueDiscrepancies(
  { rois: planned, scope, measured }: DiscrepancyTask<TissueTask>,
  work: TaskWork,
): Promise<DiscrepancyEntry[]> {
  const { rois, patch } = await tissueRois(planned, work);
  const total = sumOfConfusions(rois.map(({ confusion }) => confusion));
  const map = await readLabelMap(await labelMapFileIn(work.data)).catch(() => undefined);
  const again = measured.kind === 'measured' ? await roundedAgain(work.results, rois) : undefined;
  return [
    backgroundEntry(total),
    unannotatedEntry(total),
    strayEntry(rois, scope),
    labelNameEntry(map),
    roundingEntry(rois, patch, again),
  ];
}
