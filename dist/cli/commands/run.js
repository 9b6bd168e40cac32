import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { loadConfig } from '../config/load-config.js';
import { pinRecord } from '../config/pin-record.js';
import { EXIT, printResult, printStep } from '../output.js';
import { tellPlan } from '../plan/tell-plan.js';
import { DetachedTeller, detachRun } from '../run/detached-run.js';
import { tellOutcome } from '../run/follow-run.js';
import { onPlatform } from '../run/on-platform.js';
import { resolveRun } from '../run/resolve-run.js';
import { seeThrough } from '../run/see-through.js';
import { startRun } from '../run/start-run.js';
import { workerSettingsOf } from '../worker-settings.js';
/**
 * `reignite run`: starts a run, or attaches to the one that is going with the same configuration, and stays until it
 * has ended.
 *
 * @returns The exit status.
 */
export async function runCommand(options, signal) {
    if (options.detach)
        return runDetached(options, signal);
    const teller = new DetachedTeller();
    try {
        return await runHere(options, teller, signal);
    }
    catch (error) {
        teller.failed(error);
        throw error;
    }
}
/** Hands the run on, and says how to watch and to end it. */
async function runDetached({ json }, signal) {
    const { run, pid, log } = await detachRun(process.argv.slice(2), homeFromEnvironment(), signal);
    if (json)
        printResult(JSON.stringify({ run, pid, log }, null, 1));
    else {
        const lines = [
            run,
            `It goes on in process ${pid}, which ends with it; \`kill ${pid}\` stops it in order, and the same \`run\` goes on.`,
            `Watch it:  npx reignite watch ${run}`,
            `End it:    npx reignite cancel ${run}`,
            `Log:       ${log}`,
        ];
        printResult(lines.join('\n'));
    }
    return EXIT.done;
}
async function runHere(options, teller, signal) {
    const home = homeFromEnvironment();
    const config = await pinRecord(await loadConfig(options), home, printStep, signal);
    const run = resolveRun(config, home, options);
    const settings = workerSettingsOf(config);
    const queues = options.workers ? {} : { queues: [] };
    let fresh = options.fresh ?? false;
    if (config.zenodo.serve === undefined)
        await tellPlan(run, home, { fresh, signal }, printStep);
    const summary = await onPlatform({ home, settings, onStep: printStep, signal, ...queues }, (platform) => {
        const start = async () => {
            const how = await startRun(platform.client, platform.server, run, printStep, { fresh });
            fresh = false;
            printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${run.id}`);
            teller.begun(run.id);
        };
        return seeThrough(platform, run, start, signal);
    });
    return tellOutcome(summary, run.input.folders.results, options.json ?? false);
}
