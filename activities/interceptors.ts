import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, CancelledFailure, CompleteAsyncError, type Context } from '@temporalio/activity';
import { type MetricMeter, TemporalFailure } from '@temporalio/common';
import type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptors,
  Next,
} from '@temporalio/worker';
import { ZodError, z } from 'zod';
import { bestEffort } from '../toolkit/concurrency.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { type AllowedPlaces, placesNamedIn } from '../toolkit/files/allowed-places.ts';
import { asSystemError } from '../toolkit/files/file-access.ts';
import type { HomeFolders } from '../toolkit/files/folders.ts';
import { holdSlot, isLastHandOver } from './hand-over.ts';
import { ModelRef, RunFolders } from './inputs.ts';

/** Attempts after which an unexpected error counts as a defect and is no longer retried. */
const UNFORESEEN_ATTEMPTS = 5;

const HAND_OVER_MS = 1_000;

/** Details of a failure, for the code that prints it. */
export interface FailureDetails {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

/**
 * Converts an activity's error to a failure that Temporal stores completely: its type is the code, message and details
 * contain code, cause and remedy, and it is retryable if the code is. Cancellation is passed on unchanged; a worker
 * that is shutting down hands its activities over immediately.
 */
export function createErrorInterceptor(context: Context): ActivityInboundCallsInterceptor {
  return {
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      try {
        return await next(input);
      } catch (error) {
        throw asFailure(error, context);
      }
    },
  };
}

function asFailure(error: unknown, context: Context): unknown {
  const { workerShutdown = false, cancelRequested = false } = context.cancellationDetails ?? {};
  if (workerShutdown && !cancelRequested) return handedOver();
  if (context.cancellationSignal.aborted) return context.cancellationSignal.reason ?? new CancelledFailure('cancelled');
  if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) return error;
  const known = asReigniteError(error);
  const { code, remedy, message: cause } = known;
  const details: FailureDetails = { code, cause, remedy };
  const attemptsExhausted = code === 'INTERNAL' && context.info.attempt >= UNFORESEEN_ATTEMPTS;
  const failure = ApplicationFailure.create({
    type: code,
    message: `${code}: ${cause} ${remedy}`,
    nonRetryable: attemptsExhausted || !known.retryable,
    details: [details],
    cause: known,
    ...(known.retryAfterMs === undefined ? {} : { nextRetryDelay: known.retryAfterMs }),
  });
  // The stack would fill the event with lines of this file; the cause's stack shows where it happened.
  failure.stack = '';
  return failure;
}

/**
 * The SDK's failure with a fixed delay: with the SDK's backoff, an activity that is handed over for the sixth time
 * would wait for half a minute.
 */
function handedOver(): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type: 'WorkerShutdown',
    message: 'The worker is shutting down; another worker resumes this activity.',
    nextRetryDelay: HAND_OVER_MS,
    category: 'BENIGN',
  });
  failure.stack = '';
  return failure;
}

function asReigniteError(thrown: unknown): ReigniteError {
  const error = asSystemError(thrown);
  if (error instanceof ReigniteError) return error;
  if (error instanceof ZodError) {
    return new ReigniteError('CONFIG_INVALID', `Invalid activity input: ${z.prettifyError(error)}`, {
      remedy: 'Use the same version of reignite for commands and workers.',
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ReigniteError('INTERNAL', `Unexpected error: ${message}`, { cause: error });
}

const Step = z.object({ folders: RunFolders, model: ModelRef.optional() });

/**
 * Hands an activity over to another worker if this machine lacks a folder of the run: data, results, or the model in
 * the state directory. The failure says so, and no ROI fails because of it.
 *
 * For queues whose activities need these folders: inference and render.
 */
export function needFolders(home: HomeFolders) {
  return (context: Context): ActivityInboundCallsInterceptor => ({
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      const missing = missingFolder(input.args[0], home);
      if (missing === undefined) return next(input);
      const message = `The folder ${missing} of the run is not on this machine (${hostname()}).`;
      context.log.warn(message);
      await holdSlot(context);
      throw new ReigniteError(isLastHandOver(context) ? 'FILE_MISSING' : 'FOLDER_UNAVAILABLE', message, {
        remedy: 'Share data, results and state directory with this machine under the same paths, or stop its worker.',
      });
    },
  });
}

function missingFolder(step: unknown, home: HomeFolders): string | undefined {
  const { data } = Step.safeParse(step);
  if (data === undefined) return undefined;
  const models = data.model === undefined ? [] : [join(home.models, data.model.digest)];
  return [data.folders.data, data.folders.results, ...models].find((folder) => !existsSync(folder));
}

/**
 * Runs an activity only if its input names no place that the worker may not use. Anyone with access to the Temporal
 * server can start any activity with any input; all of them pass through here.
 *
 * @param isElsewhere - Whether the worker uses its own folders instead of the run's, and never the user's models. Paths
 *   that leave a folder are rejected in any case.
 */
export function needAllowedPlaces(allowed: AllowedPlaces, isElsewhere = false) {
  return (): ActivityInboundCallsInterceptor => ({
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      await allowed.check(placesNamedIn(isElsewhere ? input.args.map(withoutFolders) : input.args));
      return next(input);
    },
  });
}

/** Fields that a worker with its own folders never uses as paths. */
const UNUSED: ReadonlySet<string> = new Set(['folders', 'settings']);

function withoutFolders(step: unknown): unknown {
  if (typeof step !== 'object' || step === null || Array.isArray(step)) return step;
  return Object.fromEntries(Object.entries(step).filter(([name]) => !UNUSED.has(name)));
}

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
