/**
 * Runs `work` under a signal that aborts when nothing has been reported for `stallMs`, at the start included: a
 * proxy that accepts a connection and stays silent is not covered by the limits of the HTTP client.
 *
 * @param work - Calls `alive` on every sign of progress.
 * @throws Error "no progress for ... s"; the reason of `signal`; what `work` throws.
 */
export async function withStallLimit(stallMs, signal, work) {
    signal?.throwIfAborted();
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(new Error(`no progress for ${stallMs / 1000} s`)), stallMs);
    const combined = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
    let onAbort = () => { };
    const aborted = new Promise((_, reject) => {
        onAbort = () => reject(combined.reason);
    });
    combined.addEventListener('abort', onAbort);
    // The limit holds even where the work is deaf to its signal, as a request is that waits for its proxy.
    try {
        return await Promise.race([work(combined, () => timer.refresh()), aborted]);
    }
    finally {
        clearTimeout(timer);
        // A combined signal stays in memory for as long as somebody listens to it.
        combined.removeEventListener('abort', onAbort);
    }
}
