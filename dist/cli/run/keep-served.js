import { setTimeout as sleep } from 'node:timers/promises';
/**
 * Takes over the queues whose workers have gone, until told to stop: those of others on a shared server may have been
 * polling for the last time when a run began. A queue has to be found alone twice, as a worker that is started again
 * is away for a moment.
 */
export async function keepServed({ look, serve, lookMs }, signal) {
    let before = [];
    for (;;) {
        await sleep(lookMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted)
            return;
        const now = await look().catch(() => []);
        const alone = now.filter((queue) => before.includes(queue));
        if (alone.length > 0 && !signal.aborted)
            serve(alone);
        before = now;
    }
}
