import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';

/** What is said of a failed step: the code of the error that ended it, and its cause in one sentence. */
export interface NamedFailure {
  readonly code: string;
  readonly cause: string;
  /** What a person can do, where the error says it. */
  readonly remedy?: string;
}

/** Finds the error of ours below the wrappers that Temporal puts around it. */
export function nameFailure(error: unknown): NamedFailure {
  if (error instanceof ApplicationFailure) return { code: error.type ?? 'INTERNAL', ...detailsOf(error) };
  if ((error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && error.cause !== undefined) {
    return nameFailure(error.cause);
  }
  if (error instanceof TimeoutFailure) return { code: 'INTERNAL', cause: `No answer in time: ${error.message}.` };
  return { code: 'INTERNAL', cause: error instanceof Error ? error.message : String(error) };
}

/** The details carry cause and remedy apart; the message has both in one. */
function detailsOf(failure: ApplicationFailure): Omit<NamedFailure, 'code'> {
  const details: unknown = failure.details?.[0];
  if (typeof details !== 'object' || details === null) return { cause: failure.message };
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(details, name);
    return typeof value === 'string' ? value : undefined;
  };
  const remedy = text('remedy');
  return { cause: text('cause') ?? failure.message, ...(remedy === undefined ? {} : { remedy }) };
}
