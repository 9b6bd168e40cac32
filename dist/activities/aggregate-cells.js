import { join } from 'node:path';
import { readersFile } from '../toolkit/dataset/layout.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { evaluateDetection } from '../toolkit/metrics/agreement.js';
import { pointsOf } from './draw-cells.js';
import { withHeartbeat } from './heartbeat.js';
import { AggregateCellsInput } from './inputs.js';
import { entryOf } from './planned-entry.js';
import { StageFiles } from './stage-files.js';
/** Compares readers and AI and writes metrics/<task>.json. An image that failed is left out of every pair. */
export function createAggregateCells({ home, cache }) {
    return async function aggregateCells(input) {
        const { task, folders, stage, pages } = AggregateCellsInput.parse(input);
        const files = new StageFiles(home, stage);
        const { rois } = await files.readPlan();
        const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
        return withHeartbeat({ phase: 'comparing', of: rois.length }, async () => {
            const found = new Map();
            for (const planned of rois.filter(({ roi }) => !failed.has(roi))) {
                found.set(planned.roi, await pointsOf({ cache }, await entryOf(cache, planned), task));
            }
            const file = inside(folders.data, readersFile(task));
            const evaluated = async (centre) => {
                const all = await readReaderAnnotations(file, task, centre);
                const annotations = { ...all, images: all.images.filter(({ stem }) => found.has(stem)) };
                return { annotations, ...evaluateDetection({ task, annotations, points: (stem) => found.get(stem) }) };
            };
            const { annotations, metrics, remarks } = await evaluated('first');
            const { metrics: corrected } = await evaluated('own');
            const write = (name, value) => writeFileAtomic(join(folders.results, 'metrics', name), `${JSON.stringify(value, null, 1)}\n`);
            await write(`${task}.remarks.json`, remarks);
            await write(`${task}.json`, { ...metrics, corrected });
            return { images: annotations.images.length, remarks: remarks.length };
        });
    };
}
