import { CancellationScope } from '@temporalio/workflow';
/**
 * Runs `work` on every item at the same time. When one fails the others are cancelled and waited for, so that nothing
 * goes on writing behind the error.
 *
 * @returns The results in the order of the items.
 * @throws The first failure.
 */
export async function allOrStop(items, work) {
    const scope = new CancellationScope();
    return scope.run(async () => {
        const running = items.map(work);
        try {
            return await Promise.all(running);
        }
        catch (error) {
            scope.cancel();
            await Promise.allSettled(running);
            throw error;
        }
    });
}
