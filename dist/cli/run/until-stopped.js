/** Waits until the command is told to stop. @throws What `failed` rejects with, should that come first. */
export async function untilStopped(failed, signal) {
    await Promise.race([failed, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}
