import { EXIT, printResult, printStep } from '../output.js';
import { onHomePlatform } from '../run/home-platform.js';
import { untilStopped } from '../run/until-stopped.js';
/** `reignite server`: the home's Temporal server alone, until Ctrl-C; workers and runs attach to it. */
export async function serverCommand(signal) {
    return onHomePlatform(signal, [], async ({ server, failed }) => {
        printResult(server.address);
        if (server.uiUrl !== undefined)
            printStep(`Temporal UI: ${server.uiUrl}`);
        printStep('Ctrl-C ends it.');
        await untilStopped(failed, signal);
        return EXIT.interrupted;
    });
}
