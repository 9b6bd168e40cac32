import { loadConfig } from '../../runtime/config/load-config.ts';
import { pinRecord } from '../../runtime/config/pin-record.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { parseRecordId } from '../../toolkit/zenodo/record/record.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { isDataComplete, lookAtRecord, lookLines } from './plan/look-at-record.ts';
import { planLines } from './plan/plan-lines.ts';
import { planRun } from './plan/plan-run.ts';
import type { RunOptions } from './run.ts';

/**
 * `reignite plan`: shows what a run with these options would download, compute and take from the cache, and how long it
 * may take. Starts nothing. Downloads only the record's description and small parts of its files, to check it.
 *
 * @returns The exit status: 0.
 */
export async function planCommand(options: Omit<RunOptions, 'workers'>, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const asked = await loadConfig(options);
  const named = resolveRun({ ...asked, record: parseRecordId(asked.record) }, home, options);
  const run = (await isDataComplete(named.input))
    ? named
    : resolveRun(await pinRecord(asked, home, printStep, signal), home, options);
  const look = await lookAtRecord(run.input, home, signal);
  const plan = await planRun(run, home, { fresh: options.fresh ?? false, look, signal });
  const lines = [...planLines(plan), ...lookLines(look)];
  printResult(options.json ? JSON.stringify({ ...plan, record: look }, null, 1) : lines.join('\n'));
  return EXIT.done;
}
