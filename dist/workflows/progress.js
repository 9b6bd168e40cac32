import { defineQuery, defineSignal, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';
import { TASK_TITLES } from '../config/tasks.js';
/** Stages tell the run how far they are: at their begin, at their end, and seldom in between. */
export const stageProgress = defineSignal('stageProgress');
/** The stages of a run, in the order in which they began; of a page or an acquisition its own, to the last ROI. */
export const progress = defineQuery('progress');
/** A stage of any size signals at most so often on its way, so that the run's timeline shows its children. */
const SIGNALS_A_STAGE = 10;
/** A page that takes less time tells nothing on its way: its own page in the Temporal UI does. */
const QUIET_MS = 60_000;
/** Decides which counts of a stage its run is told of. */
export class Telling {
    #at;
    #share;
    #of;
    /**
     * @param done - What is done already, of `of`.
     * @param now - Time of the workflow, in ms.
     */
    constructor(done, of, now) {
        this.#of = of;
        this.#at = now;
        this.#share = this.#shareOf(done);
    }
    /** Whether `done` lies in another tenth than what was told last, a minute or more ago. */
    isDue(done, now) {
        const share = this.#shareOf(done);
        if (share === this.#share || now - this.#at < QUIET_MS)
            return false;
        this.#at = now;
        this.#share = share;
        return true;
    }
    #shareOf(done) {
        return Math.floor((done * SIGNALS_A_STAGE) / Math.max(1, this.#of));
    }
}
/** Tells the run; a run that is closing no longer listens, which is no reason for a stage to fail. */
export async function tellRun(run, update) {
    try {
        await getExternalWorkflowHandle(run).signal(stageProgress, update);
    }
    catch (error) {
        if (isCancellation(error))
            throw error;
    }
}
/** Stages as people call them. */
const STAGE_TITLES = { acquire: 'Fetch and unpack', ...TASK_TITLES };
/** The stages as a Markdown table, for a page in the Temporal UI. */
export function progressTable(stages, more = []) {
    const rows = stages.map((stage) => {
        const { unit, done, of, cached, failed, state } = stage;
        const share = of === 0 ? '' : ` (${Math.floor((100 * done) / of)}\u00a0%)`;
        const title = STAGE_TITLES[stage.stage] ?? stage.stage;
        const usual = [title, state, `${done}\u00a0of\u00a0${of}\u00a0${unit}${share}`, String(cached), String(failed)];
        return [...usual, ...more.map(({ textOf }) => textOf(stage))];
    });
    return markdownTable(['Stage', 'State', 'Done', 'Cached', 'Failed', ...more.map(({ title }) => title)], rows);
}
/** The UI sets cells without any space between them: each brings its own, which does not collapse. */
export function markdownTable(head, rows) {
    const line = (cells) => `|${cells.map((cell) => ` ${inCell(cell)}\u00a0\u00a0 `).join('|')}|`;
    return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
function inCell(text) {
    return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}
