import { whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { withHomeServer } from '../run/with-home-server.ts';

/** `reignite server`: the home's Temporal server alone, until Ctrl-C; workers and runs attach to it. */
export async function serverCommand(signal: AbortSignal): Promise<number> {
  return withHomeServer(signal, [], async ({ server, failed }) => {
    printResult(server.address);
    if (server.uiUrl !== undefined) printStep(`Temporal UI: ${server.uiUrl}`);
    printStep('Press Ctrl-C to stop.');
    whenInterrupted('Stopped.');
    await untilStopped(failed, signal);
    return EXIT.interrupted;
  });
}
