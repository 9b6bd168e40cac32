import { command, configured } from './command.js';
/** Commands on this machine and its settings. */
export function machineCommands(program, { signal, exitWith }) {
    configured(command(program, 'config', 'the effective configuration'))
        .option('--schema', 'print the JSON Schema of every field instead')
        .action(async (options) => {
        const { configCommand } = await import('../commands/config.js');
        exitWith(await configCommand(options));
    });
    command(program, 'clean [kinds...]', 'gives disk back: caches, models, partial files, archives; never data, results or history')
        .option('--dry-run', 'show what can go, remove nothing')
        .action(async (kinds, options) => {
        const { cleanCommand } = await import('../commands/clean.js');
        exitWith(await cleanCommand(kinds, options, signal));
    });
    command(program, 'doctor', 'what this machine has and lacks, with remedies').action(async (options) => {
        const { doctorCommand } = await import('../commands/doctor.js');
        exitWith(await doctorCommand(options));
    });
}
