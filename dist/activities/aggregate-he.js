import { join } from 'node:path';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.js';
import { sumOfConfusions } from '../toolkit/metrics/evaluate-he.js';
import { heMetrics } from '../toolkit/metrics/he-metrics.js';
import { withHeartbeat } from './heartbeat.js';
import { AggregateHeInput } from './inputs.js';
import { recalledEntryOf } from './planned-entry.js';
import { ConfusionFacts } from './roi-outputs.js';
import { StageFiles } from './stage-files.js';
/** Sums the ROIs' confusions and writes metrics/he.json. An ROI that failed is left out. */
export function createAggregateHe({ home, cache }) {
    return async function aggregateHe(input) {
        const { folders, stage, pages, he } = AggregateHeInput.parse(input);
        const files = new StageFiles(home, stage);
        const { rois } = await files.readPlan();
        const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
        return withHeartbeat({ phase: 'summing', of: rois.length }, async () => {
            const confusions = [];
            for (const planned of rois.filter(({ roi }) => !failed.has(roi))) {
                confusions.push(await confusionOf(cache, planned));
            }
            const metrics = heMetrics(sumOfConfusions(confusions), he.scope);
            await writeFileAtomic(join(folders.results, 'metrics', 'he.json'), `${JSON.stringify(metrics, null, 1)}\n`);
            return { all: metrics.all, til: metrics.til };
        });
    };
}
async function confusionOf(cache, planned) {
    const { facts } = await recalledEntryOf(cache, planned);
    return ConfusionMatrix.fromRows(ConfusionFacts.parse(facts).confusion);
}
