/**
 * Works on items, at most `width` at a time. After a failure no other item is begun; what is on its way is brought to
 * its end, and the first failure is thrown.
 *
 * @returns The results in the order of the items.
 * @throws The signal's reason when aborted.
 */
export async function inLanes(items, width, signal, work) {
    const results = new Array(items.length);
    const queue = items.entries();
    const failures = [];
    const lane = async () => {
        for (const [index, item] of queue) {
            if (failures.length > 0)
                return;
            try {
                signal?.throwIfAborted();
                results[index] = await work(item);
            }
            catch (error) {
                failures.push(error);
            }
        }
    };
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
    if (failures.length > 0)
        throw failures[0];
    return results;
}
