import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.js';
import { sumOfConfusions } from '../toolkit/metrics/evaluate-he.js';
import { readModelCard } from '../toolkit/nnunet/model-card.js';
import { recalledEntryOf } from './planned-entry.js';
import { SegmentFacts } from './roi-outputs.js';
import { StageFiles } from './stage-files.js';
const Facts = SegmentFacts.pick({ confusion: true, width: true, height: true });
/** The ROIs of a stage that were segmented, and the patch of the network that did it. */
export async function tissueRois({ stage, pages }, { home, cache }) {
    const files = new StageFiles(home, stage);
    const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
    const rois = [];
    let model = '';
    for (const planned of (await files.readPlan()).rois.filter(({ roi }) => !failed.has(roi))) {
        const { facts, parts } = await recalledEntryOf(cache, planned);
        const { width, height, confusion } = Facts.parse(facts);
        rois.push({ roi: planned.roi, width, height, confusion: ConfusionMatrix.fromRows(confusion) });
        model = String(parts['model']);
    }
    const card = await readModelCard(join(home.models, model)).catch(() => undefined);
    return { rois, patch: card?.patch };
}
/** `verdict/window-rounding.json`: the ROIs segmented again with tiles rounded half up. */
export const RoundedFile = z.array(z.object({
    roi: z.string(),
    pixels: z.int(),
    differing: z.int(),
    confusion: z.array(z.array(z.int())).describe('17 x 17, truth and the mask made again'),
}));
export const roundedFile = (results) => join(results, 'verdict', 'window-rounding.json');
/** What the other rounding changes over all. */
export async function roundedAgain(results, rois) {
    const again = RoundedFile.parse(JSON.parse(await readFile(roundedFile(results), 'utf8')));
    const remade = new Map(again.map(({ roi, confusion }) => [roi, ConfusionMatrix.fromRows(confusion)]));
    return {
        pixels: again.reduce((sum, { pixels }) => sum + pixels, 0),
        differing: again.reduce((sum, { differing }) => sum + differing, 0),
        total: sumOfConfusions(rois.map(({ roi, confusion }) => remade.get(roi) ?? confusion)),
    };
}
