import { command } from './command.js';
/** Commands on the results of a run; they need no Temporal where a results folder is given. */
export function reportCommands(program, { signal, exitWith }) {
    command(program, 'report [run]', "build a run's report anew; a run or a results folder")
        .option('--data <dir>', 'the record of a results folder, for the layers of its viewer')
        .action(async (run, options) => {
        const { reportCommand } = await import('../commands/report.js');
        exitWith(await reportCommand(run, options, signal));
    });
    command(program, 'verify [run]', "recheck the SHA-256 of a run's outputs; a run or a results folder").action(async (run, options) => {
        const { verifyCommand } = await import('../commands/verify.js');
        exitWith(await verifyCommand(run, options, signal));
    });
}
