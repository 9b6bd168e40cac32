import { ReigniteError } from '../errors.ts';

/** One assumption about a record, and whether the record meets it. */
export interface RecordCheck {
  /** File, folder or column that was looked at. */
  readonly subject: string;
  /** `warn`: the run copes with it and its result is affected; `unknown`: it could not be looked at yet. */
  readonly status: 'pass' | 'warn' | 'fail' | 'unknown';
  /** What was found. */
  readonly detail: string;
  /** What to do about it; missing where nothing is to be done. */
  readonly remedy?: string;
  /** What is used for it, by its contents, where the usual name is missing; relative to the data folder. */
  readonly chosen?: string;
}

/** What a record holds of a task's test set, with the checks of it. */
export interface CheckedTask {
  readonly checks: readonly RecordCheck[];
  /** Undefined where the list of ROIs is damaged, or too large to be fetched before the run. */
  readonly rois: number | undefined;
  /** ROIs with a published prediction. */
  readonly predicted: number;
  /** Sizes of the images whose headers were read: all, or a sample of many. */
  readonly images: readonly ImageSize[];
}

/** Width and height in px. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Makes a check of what a reader of the record's files says or throws.
 *
 * @throws What says nothing about the record and passes by itself, such as NETWORK.
 */
export async function checkBy(subject: string, look: () => Promise<string>): Promise<RecordCheck> {
  try {
    return { subject, status: 'pass', detail: await look() };
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    return { subject, status: 'fail', detail: `${error.code}: ${error.message}`, remedy: error.remedy };
  }
}

/** Names the first of many. */
export function firstOf(names: readonly string[], count = 3): string {
  const more = names.length - count;
  return `${names.slice(0, count).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
