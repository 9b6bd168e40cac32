import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { checkMachine } from '../doctor/check-machine.ts';
import { checkProviders } from '../doctor/check-providers.ts';
import { checkSurroundings } from '../doctor/check-surroundings.ts';
import { checkTemporal } from '../doctor/check-temporal.ts';
import type { Finding } from '../doctor/finding.ts';
import { EXIT, printResult } from '../output.ts';

/** `reignite doctor`: what this machine has and lacks, a line each, with the remedy. A warning is no failure. */
export async function doctorCommand({ json }: { readonly json?: boolean }): Promise<number> {
  const findings = [
    ...(await checkMachine(homeFromEnvironment())),
    ...(await checkSurroundings()),
    await checkTemporal(),
    ...(await checkProviders()),
  ];
  printResult(json ? JSON.stringify(findings, null, 1) : findings.map(lineOf).join('\n'));
  return findings.some(({ status }) => status === 'fail') ? EXIT.error : EXIT.done;
}

function lineOf({ status, name, detail, remedy }: Finding): string {
  const line = `${status.padEnd(5)} ${name.padEnd(18)} ${detail}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(25)}${remedy}`;
}
