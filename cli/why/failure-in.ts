import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { remedyOf } from '../../toolkit/remedy-of.ts';

/** An error as the history has it, for a person. */
export interface Failure {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

/** Finds the error of ours below what Temporal wraps around it. */
export function failureIn(failure: temporal.api.failure.v1.IFailure | null | undefined): Failure | undefined {
  if (!failure) return undefined;
  const application = failure.applicationFailureInfo;
  if (!application) {
    if (failure.cause) return failureIn(failure.cause);
    const isTimeout = Boolean(failure.timeoutFailureInfo);
    const cause = isTimeout ? `The attempt was silent for too long: its worker is gone, or hangs.` : failure.message;
    return { code: 'INTERNAL', cause: cause ?? '', remedy: remedyOf('WORKER_LOST') };
  }
  const code = application.type ?? 'INTERNAL';
  const [payload] = application.details?.payloads ?? [];
  const details: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
  const cause = textIn(details, 'cause') ?? failure.message ?? '';
  return { code, cause, remedy: textIn(details, 'remedy') ?? remedyOf(code) };
}

function textIn(value: unknown, name: string): string | undefined {
  const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof text === 'string' ? text : undefined;
}
