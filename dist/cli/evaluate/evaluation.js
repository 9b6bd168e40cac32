import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OVERVIEW_FILE } from '../../toolkit/dataset/layout.js';
import { readOverview } from '../../toolkit/dataset/overview.js';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.js';
import { inside } from '../../toolkit/files/inside.js';
import { overviewByStem } from '../../toolkit/verdict/patients.js';
/** Writes `metrics/<task>.json` and, beside it, how sure its numbers are. */
export async function writeMetrics(out, task, metrics, intervals) {
    const write = (name, value) => writeFileAtomic(join(out, 'metrics', name), `${JSON.stringify(value, null, 1)}\n`);
    await write(`${task}.json`, metrics);
    await write(`${task}.intervals.json`, intervals);
}
/** Whose images are whose patient's; where the record's overview is not there, every image is a patient of its own. */
export async function patientsOf(data) {
    const path = inside(data, OVERVIEW_FILE);
    return existsSync(path) ? overviewByStem(await readOverview(path)) : new Map();
}
