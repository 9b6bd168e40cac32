import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';

/** A failed activity: the code of its error, and the cause in one sentence. */
export interface NamedFailure {
  readonly code: string;
  readonly cause: string;
  /** What the user can do, if the error says so. */
  readonly remedy?: string | undefined;
}

/** Finds the ReigniteError inside the failures that Temporal wraps around it. */
export function toFailureInfo(error: unknown): NamedFailure {
  if (error instanceof ApplicationFailure) return { code: error.type ?? 'INTERNAL', ...detailsOf(error) };
  if ((error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && error.cause !== undefined) {
    return toFailureInfo(error.cause);
  }
  if (error instanceof TimeoutFailure) return { code: 'INTERNAL', cause: `The activity timed out: ${error.message}.` };
  return { code: 'INTERNAL', cause: error instanceof Error ? error.message : String(error) };
}

/** Returns cause and remedy from the details; the message joins them. */
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

/** Returns the failure that ends a workflow: its page in the Temporal UI shows code, cause and remedy. */
export function asFailure(error: unknown): ApplicationFailure {
  const failure = toFailureInfo(error);
  const { code: type, cause, remedy } = failure;
  const message = remedy === undefined ? `${type}: ${cause}` : `${type}: ${cause} ${remedy}`;
  const named = ApplicationFailure.create({ type, message, nonRetryable: true, details: [failure] });
  // The page shows the message first; stack lines of this file would push it out of sight.
  named.stack = '';
  return named;
}

/**
 * Runs `work`. The error that ended an activity or child ends the workflow with the same code. Cancellation is passed
 * on unchanged.
 */
export async function withFailureInfo<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isStep = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
    throw isStep && !isCancellation(error) ? asFailure(error) : error;
  }
}

/** Failures shown on a page; the summary has all of them. */
const SHOWN = 20;

export interface FailedItem extends NamedFailure {
  /** An ROI or an image. */
  readonly item: string;
}

/**
 * Lists failures and remedies as Markdown, for below a progress table; empty if nothing failed. Not a table, because
 * the UI's panel is too narrow for sentences in columns.
 */
export function failureList(failures: readonly FailedItem[]): string[] {
  if (failures.length === 0) return [];
  const lines = failures.slice(0, SHOWN).map(({ item, code, cause, remedy = '' }) => {
    return `- **${item}** \`${code}\`: ${`${cause} ${remedy}`.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
  });
  const more = failures.length - lines.length;
  return ['', '**Failed**', '', ...lines, ...(more === 0 ? [] : [`- ... and ${more} more.`])];
}
