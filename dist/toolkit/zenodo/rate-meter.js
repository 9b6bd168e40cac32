const WINDOW_MS = 10_000;
/** A sample more than that after the last one is kept; those between only move the end. */
const GRAIN_MS = 250;
/** Too short a time says nothing. */
const LEAST_MS = 1_000;
/** Bytes a second over the last ten seconds, from counts that only grow. */
export class RateMeter {
    #samples = [];
    /**
     * @param bytes - Done by now. Fewer than before begin anew.
     * @param now - ms, of a clock that is not put back.
     * @returns Bytes a second; undefined before there is enough to tell, and while nothing moves.
     */
    add(bytes, now = performance.now()) {
        const samples = this.#samples;
        if (bytes < (samples.at(-1)?.bytes ?? 0))
            samples.length = 0;
        const beforeLast = samples.at(-2);
        const last = samples.at(-1);
        if (last !== undefined && beforeLast !== undefined && now - beforeLast.at < GRAIN_MS) {
            last.at = now;
            last.bytes = bytes;
        }
        else
            samples.push({ at: now, bytes });
        while (now - (samples[1]?.at ?? now) > WINDOW_MS)
            samples.shift();
        const first = samples[0];
        if (first === undefined || now - first.at < LEAST_MS || bytes === first.bytes)
            return undefined;
        return ((bytes - first.bytes) * 1_000) / (now - first.at);
    }
}
