import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { z } from 'zod';
import { isErrorCode, ReigniteError } from '../../toolkit/errors.ts';

/** The message of a failure holds both in one. */
const Details = z.object({ cause: z.string().optional(), remedy: z.string().optional() });

/** The error of ours in a failed workflow; the code says which, the remedy comes with it. */
export function runFailure(error: WorkflowFailedError): ReigniteError {
  const { cause } = error;
  if (cause instanceof CancelledFailure) return new ReigniteError('CANCELLED', 'The run was cancelled.');
  if (!(cause instanceof ApplicationFailure)) {
    return new ReigniteError('INTERNAL', `The run failed: ${cause?.message ?? error.message}`, { cause: error });
  }
  const code = isErrorCode(cause.type) ? cause.type : 'INTERNAL';
  const details: unknown = cause.details?.[0];
  const said = Details.safeParse(details).data ?? {};
  const remedy = said.remedy === undefined ? {} : { remedy: said.remedy };
  return new ReigniteError(code, said.cause ?? cause.message, { cause: error, ...remedy });
}
