import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { withHeartbeat } from './heartbeat.js';
import { ProbeInput } from './inputs.js';
/** Finds out what a task's network will run on, before results are looked up under it. */
export function createProbeInference(home, { segmenter, detector }) {
    return async function probeInference(input) {
        const { task, model, inference } = ProbeInput.parse(input);
        const signal = Context.current().cancellationSignal;
        return withHeartbeat({ phase: 'probing', provider: inference.provider }, async () => {
            const job = { modelDir: join(home.models, model.digest), provider: inference.provider, threads: 1 };
            const found = await (task === 'he' ? segmenter : detector).probe(job, { signal });
            const { provider, ortVersion, fallbacks } = found;
            return { provider, ortVersion, engine: inference.engine, fallbacks };
        });
    };
}
