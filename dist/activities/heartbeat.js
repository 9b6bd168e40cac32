import { Context } from '@temporalio/activity';
import { progressText } from './progress-text.js';
/** Steps of many small parts tell of each; more often than so nobody is told. */
const BEAT_MS = 50;
/**
 * Keeps an activity's heart beating through stretches that report nothing: decoding, hashing, writing.
 * The last progress is sent again, so that the Temporal UI always shows where the step is: `now` in words, the rest for
 * programs.
 *
 * @param first - Shown until `report` is called.
 * @param work - Gets `report`, which sends progress at once, or with the next beat (the SDK throttles as well).
 */
export async function withHeartbeat(first, work) {
    const context = Context.current();
    let latest = first;
    let last = 0;
    const beat = () => {
        last = performance.now();
        context.heartbeat({ now: progressText(latest), ...latest });
    };
    beat();
    const timer = setInterval(beat, Math.max(250, (context.info.heartbeatTimeoutMs ?? 40_000) / 4));
    timer.unref();
    try {
        return await work((progress) => {
            latest = progress;
            if (performance.now() - last >= BEAT_MS)
                beat();
        });
    }
    finally {
        clearInterval(timer);
    }
}
