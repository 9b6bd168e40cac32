import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { remedyOf } from '../toolkit/remedy-of.js';
import { RunIntervention, RunStatus, writeSummaryFile } from '../toolkit/report/summary.js';
import { Verdict } from '../toolkit/verdict/verdict.js';
import { readWorst } from '../toolkit/verdict/verdict-file.js';
import { RunInput, StageRef } from './inputs.js';
import { StageFiles } from './stage-files.js';
/** How a stage ended. Its failures are on disk, a file a page. */
export const StageOutcome = z.object({
    stage: StageRef,
    pages: z.int().min(0),
    total: z.int().min(0),
    cached: z.int().min(0),
    failed: z.int().min(0),
    verdict: Verdict,
});
export const WriteSummaryInput = z.object({
    run: RunInput,
    status: RunStatus,
    stages: z.record(z.string(), StageOutcome),
    interventions: z.array(RunIntervention),
});
/** Writes summary.json, the last step of a run. */
export function createWriteSummary(home) {
    return async function writeSummary(input) {
        const { run, status, stages, interventions } = WriteSummaryInput.parse(input);
        const tasks = {};
        for (const [task, { stage, pages, total, cached, failed, verdict }] of Object.entries(stages)) {
            const failures = await new StageFiles(home, stage).readFailures(pages);
            tasks[task] = {
                verdict,
                rois: { total, computed: total - cached - failed, cached, failed },
                failures: failures.map(({ remedy, ...failure }) => ({ ...failure, remedy: remedy ?? remedyOf(failure.code) })),
                worst: await readWorst(run.folders.results, task),
            };
        }
        const { config, digest, folders } = run;
        await writeSummaryFile(folders.results, {
            run: Context.current().info.workflowExecution?.workflowId ?? '',
            record: config.record,
            profile: config.name,
            digest,
            status,
            ended: new Date().toISOString(),
            tasks,
            ...(folders.generation === undefined ? {} : { generation: folders.generation }),
            ...(interventions.length === 0 ? {} : { interventions }),
        });
    };
}
