import { Context } from '@temporalio/activity';
import type { RunConfig, ZenodoConfig } from '../../config/schema.ts';
import type { RetryBudget } from '../../toolkit/zenodo/http/retry-budget.ts';
import { countingBytes, withHeartbeat } from '../heartbeat.ts';

const WINDOW_MS = 10_000;
/** Minimum distance between samples; those in between only move the last one. */
const GRAIN_MS = 250;
/** Minimum time before a rate is reported. */
const LEAST_MS = 1_000;

/** Bytes per second over the last ten seconds, from counts that only grow. */
class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = [];

  /**
   * @param bytes - Total so far. A smaller total than before restarts the measurement.
   * @param now - ms, from a monotonic clock.
   * @returns Bytes per second; undefined until there are enough samples, and while nothing arrives.
   */
  add(bytes: number, now = performance.now()): number | undefined {
    const samples = this.#samples;
    if (bytes < (samples.at(-1)?.bytes ?? 0)) samples.length = 0;
    const beforeLast = samples.at(-2);
    const last = samples.at(-1);
    if (last !== undefined && beforeLast !== undefined && now - beforeLast.at < GRAIN_MS) {
      last.at = now;
      last.bytes = bytes;
    } else samples.push({ at: now, bytes });
    while (now - (samples[1]?.at ?? now) > WINDOW_MS) samples.shift();
    const first = samples[0];
    if (first === undefined || now - first.at < LEAST_MS || bytes === first.bytes) return undefined;
    return ((bytes - first.bytes) * 1_000) / (now - first.at);
  }
}

/** What a transfer reports in its heartbeats: shown in the Temporal UI, and read by `download`. */
export interface TransferProgress {
  readonly file: string;
  readonly phase: 'fetching' | 'unpacking';
  /** Bytes done; `of` is the total. */
  readonly bytes: number;
  readonly of: number;
  /** Average over the last seconds. */
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
}

/** Reports progress: the bytes done, and the total if it has changed. */
export type Report = (phase: TransferProgress['phase'], bytes: number, of?: number) => void;

/** Sends heartbeats with bytes, rate and remaining time. */
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

interface RetryContext {
  readonly zenodo: ZenodoConfig;
  readonly retrySeconds: RunConfig['temporal']['retrySeconds'];
  /** What is downloaded or unpacked, for messages. */
  readonly subject: string;
  /** Bytes on disk: if there are more than at the last failure, the timeout starts again. */
  readonly bytes: () => Promise<number>;
}

/** Runs one attempt. After a failure, sets the wait before the next attempt, or makes the failure final. */
export async function withRetryBudget<Result>(
  retryBudget: RetryBudget,
  { zenodo, retrySeconds, subject, bytes }: RetryContext,
  work: () => Promise<Result>,
): Promise<Result> {
  const startedAt = Date.now();
  const { workflowExecution, activityId } = Context.current().info;
  try {
    const result = await work();
    await retryBudget.done(subject);
    return result;
  } catch (error) {
    if (Context.current().cancellationSignal.aborted) throw error;
    const execution = `${workflowExecution?.runId ?? ''} ${activityId}`;
    throw await retryBudget.after(
      error,
      { subject, execution, bytes: await bytes(), startedAt },
      {
        retryTimeoutMs: zenodo.retryTimeoutSeconds * 1_000,
        diskFullTimeoutMs: zenodo.diskFullTimeoutSeconds * 1_000,
        retryMs: retrySeconds * 1_000,
      },
    );
  }
}
