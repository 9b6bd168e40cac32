import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, CompleteAsyncError } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { ZodError, z } from 'zod';
import { ReigniteError } from '../../toolkit/errors.ts';
import { asSystemError } from '../../toolkit/files/disk-error.ts';

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
