import { join } from 'node:path';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
import { readModelCard } from '../toolkit/nnunet/model-card.ts';
import type { TissueRoi } from '../toolkit/verdict/ledger/tissue-entries.ts';
import type { LedgerStage } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { entryOf } from './planned-entry.ts';
import { SegmentFacts } from './roi-outputs.ts';
import { StageFiles } from './stage-files.ts';

const Facts = SegmentFacts.pick({ confusion: true, width: true, height: true });

/** The ROIs of a stage that were segmented, and the patch of the network that did it. */
export async function tissueRois(
  { stage, pages }: LedgerStage,
  { home, cache }: Pick<PlanServices, 'home' | 'cache'>,
): Promise<{ readonly rois: readonly TissueRoi[]; readonly patch: readonly [number, number] | undefined }> {
  const files = new StageFiles(home, stage);
  const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
  const rois: TissueRoi[] = [];
  let model = '';
  for (const planned of (await files.readPlan()).rois.filter(({ roi }) => !failed.has(roi))) {
    const { facts, parts } = await entryOf(cache, planned);
    const { width, height, confusion } = Facts.parse(facts);
    rois.push({ roi: planned.roi, width, height, confusion: ConfusionMatrix.fromRows(confusion) });
    model = String(parts['model']);
  }
  const card = await readModelCard(join(home.models, model)).catch(() => undefined);
  return { rois, patch: card?.patch };
}
