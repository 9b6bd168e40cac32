import { executeChild, setCurrentDetails, setHandler, upsertSearchAttributes, workflowInfo, } from '@temporalio/workflow';
import { TASK_TITLES } from '../config/tasks.js';
import { namingFailures } from './failure-code.js';
import { failureList } from './failure-list.js';
import { chunkId } from './ids.js';
import { inferChunk } from './infer-chunk.js';
import { progress, progressTable, tellRun } from './progress.js';
import { searchOptions, searchPairs } from './search-attributes.js';
/** A history can still be read then; the server suggests another one only behind it, at 4,096. */
const MOST_EVENTS = 3_500;
/** What a page of ROIs is, for whoever opens it in the Temporal UI. */
const PAGE_DETAILS = [
    '- An activity an ROI: inferred and scored in one, on the inference queue.',
    '- Pending Activities shows how far each is. An ROI that fails is red here and does not end the run.',
].join('\n');
/** One task over the whole test set: plan, pages of ROIs with their figures, sums. */
export function runStage(stage, steps) {
    return namingFailures(() => goThrough(stage, steps));
}
async function goThrough({ run, input, skipped, resume }, steps) {
    const cursor = resume ?? (await begin(run, steps));
    const { plan } = cursor;
    const { task, total, cached, pages } = plan;
    let { page, done, failed } = cursor;
    let drawing = Promise.resolve();
    const named = [];
    show(stateOf(plan, done, failed, 'running'));
    for (; page < pages; page++) {
        const chunk = await executeChild(inferChunk, {
            workflowId: chunkId(workflowInfo().workflowId, page),
            args: [{ run, input, skipped, plan, page, done, failed }],
            staticSummary: `${TASK_TITLES[task]}, ROIs of page ${page + 1} of ${pages}`,
            staticDetails: PAGE_DETAILS,
            ...searchOptions(input, { stage: task, tasks: [task] }),
        });
        done += chunk.done;
        failed += chunk.failures.length;
        named.push(...chunk.failures.map(({ roi, ...failure }) => ({ item: roi, ...failure })));
        show(stateOf(plan, done, failed, 'running'), named);
        // The figures of a page are drawn while the next page is inferred.
        await drawing;
        drawing = later(steps.draw(plan, page, chunk.failures));
        const { continueAsNewSuggested, historyLength } = workflowInfo();
        if (continueAsNewSuggested || historyLength >= MOST_EVENTS) {
            await drawing;
            await steps.continueFrom({ plan, page: page + 1, done, failed });
        }
    }
    await drawing;
    const verdict = await steps.conclude(plan);
    if (input.searchable === true)
        upsertSearchAttributes(searchPairs({ verdicts: [verdict] }));
    const ended = stateOf(plan, total, failed, 'done');
    show(ended, named, [{ title: 'Verdict', textOf: () => verdict }]);
    await tellRun(run, ended);
    return { stage: plan.stage, pages, total, cached, failed, verdict };
}
async function begin(run, steps) {
    setCurrentDetails('The model is made ready, and the ROIs are compared with the cache.');
    const plan = await steps.plan();
    const begun = stateOf(plan, plan.cached, 0, 'running');
    show(begun);
    await tellRun(run, begun);
    return { plan, page: 0, done: plan.cached, failed: 0 };
}
function stateOf({ task, total, cached }, done, failed, state) {
    return { stage: task, unit: 'ROIs', done, of: total, cached, failed, state };
}
/** On the stage's own page of the Temporal UI. */
function show(state, failed = [], more = []) {
    setCurrentDetails([progressTable([state], more), ...failureList(failed)].join('\n'));
    setHandler(progress, () => [state]);
}
/** Lets a step run while others do: a rejection waits for the `await`, instead of failing the workflow task. */
function later(step) {
    step.catch(() => undefined);
    return step;
}
