import { CancellationScope, executeChild, isCancellation, setCurrentDetails, setHandler, upsertMemo, upsertSearchAttributes, workflowInfo, } from '@temporalio/workflow';
import { TASK_TITLES } from '../config/tasks.js';
import { acquire } from './acquire.js';
import { RunControl } from './control.js';
import { detectNuclei, detectPdl1 } from './detect-cells.js';
import { asFailure, nameFailure } from './failure-code.js';
import { stageId } from './ids.js';
import { keepLedger } from './keep-ledger.js';
import { progress, stageProgress } from './progress.js';
import { runDetails } from './run-details.js';
import { searchOptions, searchPairs } from './search-attributes.js';
import { segmentTissue } from './segment-tissue.js';
import { bookkeeping, gathering, rendering } from './steps.js';
/** One reproduction: the record, the tasks, the summary. */
export async function reproduce(input) {
    const run = workflowInfo().workflowId;
    const stages = new Map();
    const toldAt = new Map();
    const outcomes = {};
    const tell = (ended) => {
        const end = ended === undefined ? {} : { end: { ...ended, results: input.folders.results } };
        const control = steering.state;
        setCurrentDetails(runDetails({ stages: [...stages.values()], toldAt, control, outcomes, ...end }));
    };
    const show = (update) => {
        stages.set(update.stage, update);
        toldAt.set(update.stage, new Date().toISOString());
        tell();
    };
    const mark = (values) => {
        if (input.searchable === true)
            upsertSearchAttributes(searchPairs(values));
    };
    let wasPaused = false;
    const steering = new RunControl(input.config.temporal.window, () => {
        const { paused } = steering.state;
        if (paused !== wasPaused)
            mark({ stage: paused ? 'paused' : 'acquire' });
        wasPaused = paused;
        tell();
    });
    steering.listen();
    setHandler(progress, () => [...stages.values()]);
    setHandler(stageProgress, show);
    const { openResults, writeSummary } = bookkeeping(input.config.temporal);
    const { writeTrace } = gathering(input.config.temporal);
    const close = (status) => writeSummary.executeWithOptions({ summary: `summary: ${status}` }, [
        { run: input, status, stages: outcomes, interventions: [...steering.state.interventions] },
    ]);
    await openResults.executeWithOptions({ summary: 'results folder' }, [input]);
    try {
        await steering.steer(async (state) => {
            const { doi } = await executeChild(acquire, {
                workflowId: stageId(run, 'acquire'),
                args: [{ run, config: input.config, data: input.folders.data, whole: false }],
                staticSummary: `Fetch and unpack record ${input.config.record}`,
                staticDetails: '- An activity a file, and one an archive. Pending Activities shows bytes, rate and time left.',
                ...searchOptions(input, { stage: 'acquire', tasks: input.config.tasks }),
            });
            if (doi !== undefined)
                upsertMemo({ doi });
            mark({ stage: input.config.tasks.join('+') });
            await runStages({ run, input: underControl(input, state), skipped: state.skipped }, outcomes);
            mark({ stage: 'ledger' });
            await keepLedger(input, outcomes);
        });
    }
    catch (error) {
        if (isCancellation(error)) {
            tell({ status: 'cancelled' });
            await CancellationScope.nonCancellable(() => close('cancelled'));
            throw error;
        }
        for (const stage of stages.values())
            if (stage.state === 'running')
                show({ ...stage, state: 'failed' });
        tell({ status: 'failed', failure: nameFailure(error) });
        await close('failed');
        throw asFailure(error);
    }
    const status = Object.values(outcomes).some(({ failed }) => failed > 0) ? 'partial' : 'done';
    mark({ stage: 'report', verdicts: Object.values(outcomes).map(({ verdict }) => verdict) });
    await close(status);
    await writeTrace.executeWithOptions({ summary: 'trace of the steps' }, [{ folders: input.folders }]);
    const { writeReport } = rendering(input.config.temporal);
    await writeReport.executeWithOptions({ summary: 'report, crate, manifest' }, [{ folders: input.folders }]);
    tell({ status });
    return { status, ...outcomeOf(outcomes), report: `${input.folders.results}/report/index.html` };
}
/** The run's input with the settings that somebody changed. */
function underControl(input, { window }) {
    return { ...input, config: { ...input.config, temporal: { ...input.config.temporal, window } } };
}
/** The answer, for whoever opens the page of a run that has ended. */
function outcomeOf(outcomes) {
    const tasks = Object.entries(outcomes);
    const failed = tasks.flatMap(([task, outcome]) => (outcome.failed === 0 ? [] : [[task, outcome.failed]]));
    return {
        verdicts: Object.fromEntries(tasks.map(([task, { verdict }]) => [task, verdict])),
        ...(failed.length === 0 ? {} : { failed: Object.fromEntries(failed) }),
    };
}
/** What a stage does, for whoever opens it in the Temporal UI. */
const STAGE_DETAILS = [
    '- The model becomes ONNX, once for every content; every ROI is compared with the cache.',
    '- What is left goes to pages of ROIs: the children. Then metrics, figures and the verdict.',
    '- ROIs count here when their page ends; on the page itself at once.',
].join('\n');
const STAGES = {
    he: segmentTissue,
    nuclei: detectNuclei,
    pdl1: detectPdl1,
};
/**
 * Runs the tasks side by side and writes the outcome of each that ended well into `outcomes`.
 *
 * @throws What ended the first task that did not: cancellation before anything else.
 */
async function runStages(stage, outcomes) {
    const settled = await Promise.allSettled(stage.input.config.tasks.map(async (task) => {
        outcomes[task] = await executeChild(STAGES[task], {
            workflowId: stageId(stage.run, task),
            args: [stage],
            staticSummary: TASK_TITLES[task],
            staticDetails: STAGE_DETAILS,
            ...searchOptions(stage.input, { stage: task, tasks: [task] }),
        });
    }));
    const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    const [first] = [...errors.filter(isCancellation), ...errors];
    if (first !== undefined)
        throw first;
}
