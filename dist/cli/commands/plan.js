import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { parseRecordId } from '../../toolkit/zenodo/record-id.js';
import { loadConfig } from '../config/load-config.js';
import { pinRecord } from '../config/pin-record.js';
import { EXIT, printResult, printStep } from '../output.js';
import { isDataComplete } from '../plan/is-complete.js';
import { planLines } from '../plan/plan-lines.js';
import { planRun } from '../plan/plan-run.js';
import { resolveRun } from '../run/resolve-run.js';
/**
 * `reignite plan`: what a run with these options would fetch, compute and take from the cache, and how long that may
 * take. Starts nothing; the network is asked at most for the record's description, and only the first time.
 *
 * @returns The exit status: 0.
 */
export async function planCommand(options, signal) {
    const home = homeFromEnvironment();
    const asked = await loadConfig(options);
    const named = resolveRun({ ...asked, record: parseRecordId(asked.record) }, home, options);
    const run = (await isDataComplete(named.input))
        ? named
        : resolveRun(await pinRecord(asked, home, printStep, signal), home, options);
    const plan = await planRun(run, home, { fresh: options.fresh ?? false, signal });
    printResult(options.json ? JSON.stringify(plan, null, 1) : planLines(plan).join('\n'));
    return EXIT.done;
}
