import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { PlannedRoi, RoiFailure } from './inputs.js';
const StagePlan = z.object({
    rois: z.array(z.object({ roi: z.string(), key: z.string().optional() })),
});
/** The files of a stage in the home: its plan, the pages of what is outstanding, and what failed, a file a page. */
export class StageFiles {
    #folder;
    constructor(home, stage) {
        this.#folder = inside(home.runs, stage.folder);
    }
    async writePlan(plan) {
        await this.#write('plan.json', plan);
    }
    async readPlan() {
        return StagePlan.parse(await this.#read('plan.json'));
    }
    async writePage(page, rois) {
        await this.#write(pageName('page', page), rois);
    }
    async readPage(page) {
        return z.array(PlannedRoi).parse(await this.#read(pageName('page', page)));
    }
    async writeFailures(page, failures) {
        await this.#write(pageName('failed', page), failures);
    }
    /** The failures of all pages, in the order of the plan. */
    async readFailures(pages) {
        const lists = await Promise.all(Array.from({ length: pages }, (_, page) => this.#read(pageName('failed', page))));
        return lists.flatMap((list) => z.array(RoiFailure).parse(list));
    }
    async #write(name, value) {
        await writeFileAtomic(join(this.#folder, name), JSON.stringify(value));
    }
    async #read(name) {
        return JSON.parse(await readFile(join(this.#folder, name), 'utf8'));
    }
}
function pageName(kind, page) {
    return `${kind}-${String(page).padStart(5, '0')}.json`;
}
