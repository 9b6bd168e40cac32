import { StageFiles } from '../../activities/stage-files.js';
import { TASKS } from '../../config/tasks.js';
import { StepCache } from '../../toolkit/cache/step-cache.js';
import { differingParts } from '../../toolkit/cache/why-missed.js';
import { remedyOf } from '../../toolkit/remedy-of.js';
const INFERENCE = new Set(['segmentRoi', 'detectCells']);
/** Answers for every ROI of the run whose name is, or else holds, `word`. */
export async function whyRois(word, run, home) {
    const answers = [];
    for (const task of TASKS) {
        const stage = await stageOf(task, run, home);
        if (stage === undefined)
            continue;
        const names = stage.plan.rois.map(({ roi }) => roi);
        const wanted = names.includes(word) ? [word] : names.filter((roi) => roi.includes(word));
        const made = wanted.length === 0 ? [] : await allEntries(home);
        for (const roi of wanted) {
            const steps = run.parts
                .filter(({ workflow }) => workflow.startsWith(`${run.id}/${task}/`))
                .flatMap((part) => part.steps.filter(({ step, summary }) => INFERENCE.has(step) && summary === roi));
            const listed = run.summary?.tasks[task]?.failures.find((each) => each.roi === roi);
            const key = stage.plan.rois.find((each) => each.roi === roi)?.key;
            const isOutstanding = stage.outstanding.has(roi);
            answers.push({ task, roi, steps, ...explain({ steps, listed, isOutstanding, key, made }) });
        }
    }
    return answers;
}
function explain({ steps, listed, isOutstanding, key, made }) {
    const last = steps.at(-1);
    const named = key === undefined ? {} : { key };
    if (listed?.code === 'SKIPPED') {
        return { state: 'skipped', because: listed.cause, failure: { ...listed, remedy: remedyOf('SKIPPED') }, ...named };
    }
    const ended = last?.outcome === 'failed' ? last.failure : undefined;
    const failure = ended ?? (listed === undefined ? undefined : { ...listed, remedy: listed.remedy ?? remedyOf(listed.code) });
    if (failure !== undefined) {
        const state = failure.code === 'ROI_SET_ASIDE' ? 'set aside' : 'failed';
        return { state, because: failure.cause, failure: pick(failure), ...named };
    }
    if (!isOutstanding) {
        return {
            state: 'cached',
            because: `The cache had it, made from the same inputs: ${inputsOf(key, made)}.`,
            ...named,
        };
    }
    const because = missOf(key, made);
    if (last?.outcome === 'completed')
        return { state: 'computed', because, ...named };
    const waits = last?.failure === undefined ? {} : { failure: pick(last.failure) };
    return { state: 'outstanding', because, ...waits, ...named };
}
function pick({ code, cause, remedy }) {
    return { code, cause, remedy };
}
function inputsOf(key, made) {
    const parts = Object.entries(made.find((entry) => entry.key === key)?.parts ?? {});
    return parts.map(([name, value]) => `${name} ${String(value).slice(0, 16)}`).join(', ') || 'its entry has gone since';
}
function missOf(key, made) {
    if (key === undefined)
        return 'A file of the ROI was missing when the run looked.';
    const entry = made.find((each) => each.key === key);
    if (entry === undefined)
        return 'The cache had no result of it.';
    const others = made.filter((each) => each.key !== key && each.parts['rounding'] === undefined);
    const differing = differingParts(others, entry.parts);
    if (differing === undefined)
        return 'Nothing had been computed of its image before.';
    return `What was computed of its image had another ${differing.join(', ')}.`;
}
async function allEntries(home) {
    const made = [];
    for await (const entry of new StepCache(home.cache).entries())
        made.push(entry);
    return made;
}
/** The newest plan that a stage of the run wrote. */
async function stageOf(task, { id, digest, parts }, home) {
    for (const { workflow, execution } of [...parts].reverse()) {
        if (workflow !== `${id}/${task}`)
            continue;
        const files = new StageFiles(home, { folder: `${digest}/${execution}/${task}` });
        const plan = await files.readPlan().catch(() => undefined);
        if (plan === undefined)
            continue;
        const outstanding = new Set();
        for (let page = 0;; page++) {
            const rois = await files.readPage(page).catch(() => undefined);
            if (rois === undefined)
                return { plan, outstanding };
            for (const { roi, need } of rois)
                if (need === 'infer')
                    outstanding.add(roi);
        }
    }
    return undefined;
}
