import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUES, taskQueue } from '../../config/task-queues.js';
/** Workers that are just being started poll by then. */
const PATIENT_LOOKS = 3;
/**
 * Says which task queues nobody serves, once for each set of them, until told to stop: a run waits for a worker for
 * ever, and does so in silence.
 */
export async function tellUnserved({ look, taskQueuePrefix, onStep, lookMs }, signal) {
    let told = '';
    let looks = 0;
    while (!signal.aborted) {
        const unserved = await look().catch(() => []);
        looks = unserved.length === 0 ? 0 : looks + 1;
        if (looks >= PATIENT_LOOKS && told !== unserved.join()) {
            told = unserved.join();
            onStep(unservedLine(taskQueuePrefix, unserved));
        }
        await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
}
function unservedLine(prefix, unserved) {
    const names = unserved.map((queue) => taskQueue(prefix, queue)).join(', ');
    const which = unserved.length === QUEUES.length ? '' : ` --queues ${unserved.join(',')}`;
    return `No worker polls ${names}: the run waits. \`npx reignite worker${which}\` goes on with it.`;
}
