import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { lookAtRecord, lookLines } from './look-at-record.ts';
import { planLines } from './plan-lines.ts';
import { planRun } from './plan-run.ts';

/** Tells the plan of a run before it begins. What keeps the plan from being made does not keep the run. */
export async function tellPlan(
  run: ResolvedRun,
  home: HomeFolders,
  options: { readonly fresh: boolean; readonly signal: AbortSignal },
  onStep: (line: string) => void,
): Promise<void> {
  try {
    const look = await lookAtRecord(run.input, home, options.signal);
    const plan = await planRun(run, home, { ...options, look });
    for (const line of [...planLines(plan), ...lookLines(look)]) onStep(line);
  } catch (error) {
    options.signal.throwIfAborted();
    onStep(`No plan could be made: ${error instanceof Error ? error.message : String(error)}`);
  }
}
