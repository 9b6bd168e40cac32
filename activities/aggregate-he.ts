import { join } from 'node:path';
import type { StepCache } from '../toolkit/cache/step-cache.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
import { sumOfConfusions } from '../toolkit/metrics/evaluate-he.ts';
import { type HeMetrics, heMetrics } from '../toolkit/metrics/he-metrics.ts';
import { withHeartbeat } from './heartbeat.ts';
import { AggregateHeInput } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { type Planned, recalledEntryOf } from './planned-entry.ts';
import { ConfusionFacts } from './roi-outputs.ts';
import { StageFiles } from './stage-files.ts';

/** Dice overall and a class, so that the history tells the result. */
export type HeOutcome = Pick<HeMetrics, 'all' | 'til'>;

/** Sums the ROIs' confusions and writes metrics/he.json. An ROI that failed is left out. */
export function createAggregateHe({ home, cache }: Pick<PlanServices, 'home' | 'cache'>) {
  return async function aggregateHe(input: AggregateHeInput): Promise<HeOutcome> {
    const { folders, stage, pages, he } = AggregateHeInput.parse(input);
    const files = new StageFiles(home, stage);
    const { rois } = await files.readPlan();
    const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
    return withHeartbeat({ phase: 'summing', of: rois.length }, async () => {
      const confusions: ConfusionMatrix[] = [];
      for (const planned of rois.filter(({ roi }) => !failed.has(roi))) {
        confusions.push(await confusionOf(cache, planned));
      }
      const metrics = heMetrics(sumOfConfusions(confusions), he.scope);
      await writeFileAtomic(join(folders.results, 'metrics', 'he.json'), `${JSON.stringify(metrics, null, 1)}\n`);
      return { all: metrics.all, til: metrics.til };
    });
  };
}

async function confusionOf(cache: StepCache, planned: Planned): Promise<ConfusionMatrix> {
  const { facts } = await recalledEntryOf(cache, planned);
  return ConfusionMatrix.fromRows(ConfusionFacts.parse(facts).confusion);
}
