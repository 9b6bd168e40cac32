import { isCancellation } from '@temporalio/workflow';
/**
 * Runs `work` on every item, at most `width` at a time, and keeps going after failures.
 *
 * @returns One settled result an item, in the order of the items.
 * @throws The cancellation of the workflow: a cancelled run must not pass for a failed item.
 */
export async function inWindow(items, width, work) {
    const results = new Array(items.length);
    const queue = items.entries();
    const lane = async () => {
        for (const [index, item] of queue) {
            const [settled] = await Promise.allSettled([work(item)]);
            if (settled.status === 'rejected' && isCancellation(settled.reason))
                throw settled.reason;
            results[index] = settled;
        }
    };
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
    return results;
}
