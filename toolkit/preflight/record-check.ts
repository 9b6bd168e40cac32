import { ReigniteError } from '../errors.ts';

/** One assumption about a record, and whether it holds. */
export interface RecordCheck {
  /** File, folder or column that was checked. */
  readonly subject: string;
  /** `warn`: the run works, but its result is affected. `unknown`: it could not be checked yet. */
  readonly status: 'pass' | 'warn' | 'fail' | 'unknown';
  /** What was found. */
  readonly detail: string;
  /** What to do about it; missing if there is nothing to do. */
  readonly remedy?: string;
  /** File that is used, because of its contents, if the one with the usual name is missing; relative to the data folder. */
  readonly chosen?: string;
}

/** A task's test set in a record, with its checks. */
export interface CheckedTask {
  readonly checks: readonly RecordCheck[];
  /** Number of ROIs; undefined if their list is damaged, or too large to be fetched before the run. */
  readonly rois: number | undefined;
  /** Number of ROIs with a published prediction. */
  readonly predicted: number;
  /** Sizes of the images whose headers were read: all of them or a sample. */
  readonly images: readonly ImageSize[];
}

/** Width and height in px. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Makes a check from the text that `inspect` returns or the error that it throws.
 *
 * @throws Retryable errors, such as NETWORK, which say nothing about the record.
 */
export async function checkBy(subject: string, inspect: () => Promise<string>): Promise<RecordCheck> {
  try {
    return { subject, status: 'pass', detail: await inspect() };
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    return { subject, status: 'fail', detail: `${error.code}: ${error.message}`, remedy: error.remedy };
  }
}
