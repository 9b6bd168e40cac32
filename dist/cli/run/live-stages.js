import { stageId } from '../../workflows/ids.js';
import { pendingSteps } from './pending-steps.js';
/**
 * The stages of a run as they are now: the run itself is told seldom, so that its history can be read; what goes on is
 * asked of the acquisition, and of the page of ROIs that a stage works on.
 *
 * @param told - As the run knows them.
 */
export function liveStages(client, run, told) {
    return Promise.all(told.map(async (stage) => {
        if (stage.state !== 'running')
            return stage;
        const { counts, steps } = await askStage(client, stageId(run, stage.stage)).catch(() => NOTHING);
        const now = counts.reduce((furthest, each) => (each.done >= furthest.done ? each : furthest), stage);
        return steps.length === 0 ? now : { ...now, steps };
    }));
}
/** The only stage of a workflow that has no children, with the steps that go on. */
export async function liveSteps(client, id) {
    const { counts, steps } = await askWorkflow(client, id);
    return counts.map((stage) => (steps.length === 0 ? stage : { ...stage, steps }));
}
const NOTHING = { counts: [], steps: [] };
/** What a stage knows, and the pages of it that are open. */
async function askStage(client, id) {
    const { raw } = await client.workflow.getHandle(id).describe();
    const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
    const asked = await Promise.allSettled([id, ...children].map((each) => askWorkflow(client, each)));
    const answers = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    return { counts: answers.flatMap(({ counts }) => counts), steps: answers.flatMap(({ steps }) => steps) };
}
async function askWorkflow(client, id) {
    const handle = client.workflow.getHandle(id);
    const [counts, { raw }] = await Promise.all([handle.query('progress'), handle.describe()]);
    return { counts, steps: pendingSteps(raw.pendingActivities ?? []) };
}
