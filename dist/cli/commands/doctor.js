import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { checkMachine } from '../doctor/check-machine.js';
import { checkProviders } from '../doctor/check-providers.js';
import { checkSurroundings } from '../doctor/check-surroundings.js';
import { checkTemporal } from '../doctor/check-temporal.js';
import { EXIT, printResult } from '../output.js';
/** `reignite doctor`: what this machine has and lacks, a line each, with the remedy. A warning is no failure. */
export async function doctorCommand({ json }) {
    const findings = [
        ...(await checkMachine(homeFromEnvironment())),
        ...(await checkSurroundings()),
        await checkTemporal(),
        ...(await checkProviders()),
    ];
    printResult(json ? JSON.stringify(findings, null, 1) : findings.map(lineOf).join('\n'));
    return findings.some(({ status }) => status === 'fail') ? EXIT.error : EXIT.done;
}
function lineOf({ status, name, detail, remedy }) {
    const line = `${status.padEnd(5)} ${name.padEnd(18)} ${detail}`;
    return remedy === undefined ? line : `${line}\n${' '.repeat(25)}${remedy}`;
}
