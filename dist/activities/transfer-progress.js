import { RateMeter } from '../toolkit/zenodo/rate-meter.js';
import { countingBytes } from './count-progress.js';
import { withHeartbeat } from './heartbeat.js';
/** Keeps the heart beating, with bytes, rate and time left. */
export function withTransferProgress({ file, of, phase = 'fetching' }, work) {
    const first = { file, phase, bytes: 0, of };
    return withHeartbeat(first, async (beat) => {
        let meter = new RateMeter();
        let last = first;
        let count = countingBytes(phase);
        return work((nextPhase, bytes, total = of) => {
            if (nextPhase !== last.phase) {
                meter = new RateMeter();
                count = countingBytes(nextPhase);
            }
            count(bytes);
            const rate = meter.add(bytes);
            last = {
                file,
                phase: nextPhase,
                bytes,
                of: total,
                ...(rate === undefined
                    ? {}
                    : { bytesPerSecond: Math.round(rate), secondsLeft: Math.ceil((total - bytes) / rate) }),
            };
            beat(last);
        });
    });
}
