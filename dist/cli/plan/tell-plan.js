import { planLines } from './plan-lines.js';
import { planRun } from './plan-run.js';
/** Tells the plan of a run before it begins. What keeps the plan from being made does not keep the run. */
export async function tellPlan(run, home, options, onStep) {
    try {
        for (const line of planLines(await planRun(run, home, options)))
            onStep(line);
    }
    catch (error) {
        options.signal.throwIfAborted();
        onStep(`No plan could be made: ${error instanceof Error ? error.message : String(error)}`);
    }
}
