import { readSummaryFile } from '../../toolkit/report/summary.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { followKnownRun, knownRun } from '../run/follow-known-run.ts';

/**
 * `reignite retry`: starts a closed run again; what is done comes from the cache, what failed is computed.
 *
 * @returns The exit status of the run.
 */
export async function retryCommand(
  part: string | undefined,
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { run, isOpen, isWhole } = await knownRun(part, signal);
  if (isWhole) {
    const text = `The run ${run.id} has no failures: there is nothing to retry.`;
    const summary = await readSummaryFile(run.input.folders.results);
    printResult(json ? JSON.stringify(summary, null, 1) : text);
    return EXIT.done;
  }
  if (isOpen) printStep(`The run ${run.id} is still open: it is followed, and can be retried when it has ended.`);
  return followKnownRun(run, { start: !isOpen, json }, signal);
}
