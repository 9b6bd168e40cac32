import { liveStages } from './live-stages.js';
import { untilClosed } from './until-closed.js';
/** Follows a run until it has closed, and tells about progress. */
export async function watchRun(client, id, onProgress, signal) {
    const handle = client.workflow.getHandle(id);
    const look = async (_description, ask) => {
        const state = await ask(async () => ({
            stages: await liveStages(client, id, await handle.query('progress')),
            control: await handle.query('control'),
        }));
        if (state !== undefined)
            onProgress(state.stages, state.control);
    };
    await untilClosed(client, id, look, signal);
}
