import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';

/** What is said of a failed activity: the code of the error that ended it, and its cause in one sentence. */
export interface NamedFailure {
  readonly code: string;
  readonly cause: string;
  /** What a person can do, where the error says it. */
  readonly remedy?: string | undefined;
}

/** Finds the ReigniteError below the wrappers that Temporal puts around it. */
export function toFailureInfo(error: unknown): NamedFailure {
  if (error instanceof ApplicationFailure) return { code: error.type ?? 'INTERNAL', ...detailsOf(error) };
  if ((error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && error.cause !== undefined) {
    return toFailureInfo(error.cause);
  }
  if (error instanceof TimeoutFailure) return { code: 'INTERNAL', cause: `The activity timed out: ${error.message}.` };
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

/** As the end of a workflow: its page in the Temporal UI names code, cause and remedy. */
export function asFailure(error: unknown): ApplicationFailure {
  const failure = toFailureInfo(error);
  const { code: type, cause, remedy } = failure;
  const message = remedy === undefined ? `${type}: ${cause}` : `${type}: ${cause} ${remedy}`;
  const named = ApplicationFailure.create({ type, message, nonRetryable: true, details: [failure] });
  // The page shows the message first: lines of this file would only push it out of sight.
  named.stack = '';
  return named;
}

/**
 * Runs `work`; the error that ends one of its activities or children ends the workflow with the same code. Cancellation
 * is passed on unchanged.
 */
export async function withFailureInfo<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isStep = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
    throw isStep && !isCancellation(error) ? asFailure(error) : error;
  }
}

/** What is shown of a page; all of them are in the summary. */
const SHOWN = 20;

export interface FailedItem extends NamedFailure {
  /** An ROI, an image. */
  readonly item: string;
}

/**
 * What failed and what can be done about it, as Markdown below a table of progress; nothing where nothing failed. A
 * list: the UI's panel is too narrow for a table with sentences in it.
 */
export function failureList(failures: readonly FailedItem[]): string[] {
  if (failures.length === 0) return [];
  const lines = failures.slice(0, SHOWN).map(({ item, code, cause, remedy = '' }) => {
    return `- **${item}** \`${code}\`: ${`${cause} ${remedy}`.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
  });
  const more = failures.length - lines.length;
  return ['', '**Failed**', '', ...lines, ...(more === 0 ? [] : [`- ... and ${more} more.`])];
}
