import { ReigniteError } from '../../toolkit/errors.js';
import { EXIT, printResult, printStep } from '../output.js';
import { findRun } from '../run/find-run.js';
import { runPage } from '../run/follow-run.js';
import { onHomePlatform } from '../run/home-platform.js';
import { untilStopped } from '../run/until-stopped.js';
/**
 * `reignite ui`: opens the kept history, prints the page of a run and stays until Ctrl-C. Workflows are served, so that
 * the page's live details answer; no step is.
 *
 * @param part - A workflow id or a unique part of it; the newest run unless given.
 */
export async function uiCommand(part, signal) {
    return onHomePlatform(signal, ['orchestration'], async ({ client, server, failed }) => {
        if (server.uiUrl === undefined) {
            throw new ReigniteError('USAGE', `The server ${server.address} is not ours: its UI's address is not known here.`, { remedy: 'Open the UI that belongs to that server.' });
        }
        const { workflowId } = await findRun(client, part);
        printResult(runPage(server.uiUrl, server.namespace, workflowId));
        printStep('Ctrl-C ends it.');
        await untilStopped(failed, signal);
        return EXIT.interrupted;
    });
}
