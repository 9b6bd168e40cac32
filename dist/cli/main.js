import { setMaxListeners } from 'node:events';
import { Command, CommanderError } from 'commander';
import { ReigniteError } from '../toolkit/errors.js';
import { packageVersion } from '../toolkit/package-version.js';
import { EXIT, printError, printStep } from './output.js';
import { machineCommands } from './program/machine-commands.js';
import { modelCommands } from './program/model-commands.js';
import { predictionCommands } from './program/prediction-commands.js';
import { reportCommands } from './program/report-commands.js';
import { runCommands } from './program/run-commands.js';
const DESCRIPTION = 'Re-runs the technical validation of the IGNITE data toolkit as durable Temporal workflows and says how far the result is from what was published';
/**
 * The command line. A command's module is loaded when it is called: help and errors of usage come at once.
 *
 * @param words - What follows the command's name.
 * @returns The exit status.
 */
export async function main(words) {
    const stop = new AbortController();
    // Everything long that a command does listens to it.
    setMaxListeners(0, stop.signal);
    const interrupted = listenForStop(stop);
    const outcome = { status: EXIT.done };
    const program = createProgram({
        signal: stop.signal,
        exitWith(status) {
            outcome.status = status;
        },
    });
    try {
        await program.parseAsync([...words], { from: 'user' });
        return outcome.status;
    }
    catch (error) {
        const by = interrupted();
        if (by !== undefined) {
            printStep('Stopped. The run stays open: the same command goes on where it was.');
            return by === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
        }
        if (error instanceof CommanderError)
            return error.exitCode === 0 ? EXIT.done : EXIT.usage;
        return printError(error, { json: words.includes('--json'), debug: words.includes('--debug') });
    }
}
/** The first signal ends the command in order, a second one at once. */
function listenForStop(stop) {
    let by;
    for (const name of ['SIGINT', 'SIGTERM']) {
        process.on(name, () => {
            if (by !== undefined)
                process.exit(name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
            by = name;
            stop.abort(new ReigniteError('CANCELLED', `The command got ${name}.`));
        });
    }
    return () => by;
}
function createProgram(context) {
    const program = new Command('reignite').description(DESCRIPTION).version(packageVersion());
    program.showHelpAfterError().exitOverride();
    runCommands(program, context);
    predictionCommands(program, context);
    reportCommands(program, context);
    modelCommands(program, context);
    machineCommands(program, context);
    return program;
}
