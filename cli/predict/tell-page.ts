import { relative } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import { asReigniteError, printable, printStep } from '../output.ts';

/** The HTML page of a command's results. */
export interface ToldPage {
  /** Absolute. */
  readonly path: string;
  write(): Promise<void>;
}

/**
 * Writes the page of complete results, and prints its path. If the page cannot be written, the command does not fail,
 * but prints the reason and what to do.
 *
 * @throws The signal's reason when aborted.
 */
export async function tellPage({ path, write }: ToldPage, signal?: AbortSignal): Promise<void> {
  try {
    await write();
  } catch (error) {
    signal?.throwIfAborted();
    printStep(printable(`The page ${relative('.', path)} was not written. ${causeOf(error)}`));
    printStep('  The results are complete. Run the same command again to write the page.');
    return;
  }
  printStep(`Page  ${relative('.', path)}`);
}

function causeOf(error: unknown): string {
  const { message, remedy } = asReigniteError(error);
  return error instanceof ReigniteError ? `${message} ${remedy}` : message;
}
