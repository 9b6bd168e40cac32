import { RateMeter } from '../../toolkit/zenodo/rate-meter.ts';
import { countingBytes } from '../count-progress.ts';
import { withHeartbeat } from '../heartbeat.ts';

/** What a step that moves bytes tells in its heartbeats: read by people in the Temporal UI, and by `download`. */
export interface TransferProgress {
  readonly file: string;
  readonly phase: 'fetching' | 'unpacking';
  /** Done, and to be done in all. */
  readonly bytes: number;
  readonly of: number;
  /** Over the last seconds. */
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
}

/** Tells how far a step is: done, and to be done in all where that is another number than at first. */
export type Report = (phase: TransferProgress['phase'], bytes: number, of?: number) => void;

/** Keeps the heart beating, with bytes, rate and time left. */
export function withTransferProgress<Result>(
  { file, of, phase = 'fetching' }: { file: string; of: number; phase?: TransferProgress['phase'] },
  work: (report: Report) => Promise<Result>,
): Promise<Result> {
  const first: TransferProgress = { file, phase, bytes: 0, of };
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
