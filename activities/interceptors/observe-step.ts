import { readFile, writeFile } from 'node:fs/promises';
import type { Context } from '@temporalio/activity';
import type { MetricMeter } from '@temporalio/common';
import type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptors,
  Next,
} from '@temporalio/worker';
import { z } from 'zod';
import { bestEffort } from '../../toolkit/concurrency.ts';

/** Linux only: writing there resets the peak (proc(5), `clear_refs`). */
const BEGIN_ANEW = { path: '/proc/self/clear_refs', what: '5' } as const;

/** Resets the peak memory of this process, if the system supports it. */
async function resetPeakMemory(): Promise<void> {
  await bestEffort(writeFile(BEGIN_ANEW.path, BEGIN_ANEW.what), 'only Linux has this file');
}

/** Returns the peak resident memory of this process since the last reset, or since its start, in bytes. */
async function peakMemoryBytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes ?? process.resourceUsage().maxRSS) * 1_024;
}

const AboutRoi = z.object({ roi: z.string() });
const RoiDone = z.object({ roi: z.string(), key: z.string(), cached: z.boolean() });
const Planned = z.object({ total: z.int(), cached: z.int(), batches: z.int() });

/** Activities in progress in this process: only if there is one, the peak of the process is that of the activity. */
let underWay = 0;

/**
 * Observes every activity: adds the ROI to its log and the peak memory to its result, and counts ROIs and cache
 * lookups.
 */
export function observeStep(context: Context): ActivityInterceptors {
  let roi: { readonly roi: string } | undefined;
  const inbound: ActivityInboundCallsInterceptor = {
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      roi = AboutRoi.safeParse(input.args[0]).data;
      if (underWay++ === 0) await resetPeakMemory();
      try {
        const result = await next(input);
        countResult(context.metricMeter, result);
        return await withPeak(result);
      } finally {
        underWay -= 1;
      }
    },
  };
  return { inbound, outbound: { getLogAttributes: (attributes, next) => ({ ...next(attributes), ...roi }) } };
}

/** Adds the peak for the trace, which reads it from the history. Arrays are left unchanged: callers expect them. */
async function withPeak(result: unknown): Promise<unknown> {
  if (result !== undefined && (typeof result !== 'object' || result === null || Array.isArray(result))) return result;
  return { ...result, peakMemoryBytes: await peakMemoryBytes() };
}

function countResult(meter: MetricMeter, result: unknown): void {
  const done = RoiDone.safeParse(result).data;
  if (done !== undefined) countRois(meter, done.cached ? 'cache' : 'computed', 1);
  const planned = Planned.safeParse(result).data;
  if (planned !== undefined) countRois(meter, 'cache', planned.cached);
}

/** @param source - `computed` for a cache miss, `cache` for a hit. */
function countRois(meter: MetricMeter, source: 'computed' | 'cache', count: number): void {
  meter
    .createCounter('reignite_rois_done', undefined, 'ROIs with a result, by where it came from')
    .add(count, { source });
}
