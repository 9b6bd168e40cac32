import { whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { onHomePlatform } from '../run/home-platform.ts';
import { untilStopped } from '../run/until-stopped.ts';

/** `reignite server`: the home's Temporal server alone, until Ctrl-C; workers and runs attach to it. */
export async function serverCommand(signal: AbortSignal): Promise<number> {
  return onHomePlatform(signal, [], async ({ server, failed }) => {
    printResult(server.address);
    if (server.uiUrl !== undefined) printStep(`Temporal UI: ${server.uiUrl}`);
    printStep('Press Ctrl-C to stop.');
    whenInterrupted('Stopped.');
    await untilStopped(failed, signal);
    return EXIT.interrupted;
  });
}
