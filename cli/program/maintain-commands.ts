import type { Command } from 'commander';
import type { CleanOptions } from '../maintain/clean.ts';
import type { ConfigOptions } from '../maintain/config.ts';
import type { DoctorOptions } from '../maintain/doctor.ts';
import { type CommandContext, command, configured, configuredCommand } from './command.ts';

/** Commands on this machine and its settings. */
export function machineCommands(program: Command, { signal, exitWith }: CommandContext): void {
  configured(command(program, 'config', 'the effective configuration'))
    .option('--schema', 'print the JSON Schema of every field instead')
    .action(async (options: ConfigOptions) => {
      const { configCommand } = await import('../maintain/config.ts');
      exitWith(await configCommand(options));
    });

  command(
    program,
    'clean [kinds...]',
    'gives disk back: caches, models, partial files, archives; never data, results or history',
  )
    .option('--dry-run', 'show what can go, remove nothing')
    .action(async (kinds: string[], options: CleanOptions) => {
      const { cleanCommand } = await import('../maintain/clean.ts');
      exitWith(await cleanCommand(kinds, options, signal));
    });

  configuredCommand(program, 'doctor', 'check this machine, or with --record a record, and suggest fixes')
    .option('--record', 'check the record that the profile names instead of this machine, before it is downloaded')
    .action(async (options: DoctorOptions) => {
      const { doctorCommand } = await import('../maintain/doctor.ts');
      exitWith(await doctorCommand(options, signal));
    });
}
