import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { listHeTestRois } from '../toolkit/dataset/test-rois.js';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { decodeLabels } from '../toolkit/image/decode-labels.js';
import { roundedRois } from '../toolkit/verdict/ledger/tissue-entries.js';
import { ofRun } from './cache-of-run.js';
import { withHeartbeat } from './heartbeat.js';
import { ResegmentRoundedInput } from './inputs.js';
import { roundedFile, tissueRois } from './ledger-tissue.js';
import { entryOf } from './planned-entry.js';
import { ConfusionFacts, MARGIN, MASK } from './roi-outputs.js';
import { scoreRoi } from './score-roi.js';
import { StageFiles } from './stage-files.js';
const ROUNDING = 'half-up';
/**
 * Segments the ROIs once more whose tiles another rounding of the sliding window moves, and writes what changes to
 * verdict/window-rounding.json. Made for `ledger.full`; ROIs that were done before come from the cache.
 */
export function createResegmentRounded(worker) {
    return async function resegmentRounded(input) {
        const step = ResegmentRoundedInput.parse(input);
        const services = ofRun(worker, step.folders);
        return withHeartbeat({ phase: 'looking' }, async (report) => {
            const { rois, patch } = await tissueRois(step, services);
            const affected = new Set(patch === undefined ? [] : roundedRois(rois, patch));
            const { rois: planned } = await new StageFiles(services.home, step.stage).readPlan();
            const listed = new Map((await listHeTestRois(step.folders.data)).map((each) => [each.roi, each]));
            const again = [];
            for (const each of planned.filter(({ roi }) => affected.has(roi))) {
                const roi = listed.get(each.roi);
                if (roi === undefined)
                    continue;
                const entry = await entryOf(services.cache, each);
                const remade = await resegment(step, roi, entry, services, (progress) => report({ roi: each.roi, done: again.length, total: affected.size, ...progress }));
                again.push(await compare(each.roi, entry, remade, services));
            }
            await writeFileAtomic(roundedFile(step.folders.results), `${JSON.stringify(again)}\n`);
            return { rois: again.length };
        });
    };
}
async function resegment({ folders, he, inference }, { roi, image, annotation }, entry, { home, cache, segmenter }, onProgress) {
    const parts = { ...entry.parts, rounding: ROUNDING };
    const known = await cache.find(cache.keyOf(parts));
    if (known !== undefined)
        return known;
    const work = join(home.work, cache.keyOf(parts));
    await mkdir(work, { recursive: true });
    const files = { image: inside(folders.data, image), truth: inside(folders.data, annotation) };
    const [mask, margin] = [join(work, MASK), join(work, MARGIN)];
    const result = await segmenter.segment({
        ...files,
        mask,
        margin,
        modelDir: join(home.models, String(entry.parts['model'])),
        partialDir: join(work, 'partial'),
        scope: he.scope,
        rounding: ROUNDING,
        provider: inference.provider,
        ...(inference.threads === 0 ? {} : { threads: inference.threads }),
    }, { signal: Context.current().cancellationSignal, onProgress });
    const stored = await cache.store(parts, { [MASK]: mask }, await scoreRoi(roi, { truth: files.truth, mask }, result));
    await rm(work, { recursive: true, force: true });
    return stored;
}
async function compare(roi, entry, remade, { cache }) {
    const [ours, again] = [
        await decodeLabels(cache.pathOf(entry.key, MASK)),
        await decodeLabels(cache.pathOf(remade.key, MASK)),
    ];
    let differing = 0;
    for (const [at, label] of ours.data.entries())
        if (label !== again.data[at])
            differing++;
    const { confusion } = ConfusionFacts.parse(remade.facts);
    return { roi, pixels: ours.data.length, differing, confusion };
}
