import { Argument, type Command } from 'commander';
import type { CleanOptions } from '../maintain/clean.ts';
import type { ConfigOptions } from '../maintain/config.ts';
import type { DoctorOptions } from '../maintain/doctor.ts';
import type { GpuOptions } from '../maintain/providers.ts';
import { REMOVABLES } from '../maintain/removables.ts';
import { printDocument } from '../output.ts';
import { type CommandContext, command, configured, configuredCommand, withExamples } from './command.ts';

/** Adds the commands for this machine and its settings. */
export function machineCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('This machine:');
  configured(command(program, 'config', 'print the effective configuration'))
    .option('--schema', 'print the JSON Schema of every field instead')
    .action(async (options: ConfigOptions) => {
      const { configCommand } = await import('../maintain/config.ts');
      exitWith(await configCommand(options));
    });

  program
    .command('completion')
    .description('print the script that lets a shell complete commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('../maintain/completion-script.ts');
      printDocument(completionScript(program, shell));
    });

  withExamples(
    command(program, 'clean', 'free disk space; keeps unpacked data, results folders and what `list` shows'),
    'clean --dry-run',
    'clean partial logs',
  )
    .argument(
      '[kinds...]',
      `what to delete: ${REMOVABLES.join(', ')} (default: all but gpu; --dry-run explains what it finds)`,
    )
    .option('--dry-run', 'show what would be deleted, without deleting it')
    .action(async (kinds: string[], options: CleanOptions) => {
      const { cleanCommand } = await import('../maintain/clean.ts');
      exitWith(await cleanCommand(kinds, options, signal));
    });

  withExamples(
    command(program, 'gpu', "install the CUDA provider of ONNX Runtime and NVIDIA's libraries in your cache folder"),
    'gpu install --dry-run',
    'gpu install --yes',
  )
    .addArgument(new Argument('<action>', 'what to do').choices(['install']))
    .option('--dry-run', 'show what would be downloaded, its size and its licence')
    .option('--yes', 'accept the licences and download without asking')
    .option('--index <url>', 'address of the package index to download from (default: https://pypi.org/simple/)')
    .action(async (_action: 'install', options: GpuOptions) => {
      const { gpuCommand } = await import('../maintain/providers.ts');
      exitWith(await gpuCommand(options, signal));
    });

  configuredCommand(program, 'doctor', 'check this machine, or a record, and suggest fixes')
    .option('--record', 'check the record of the profile instead, without downloading it')
    .action(async (options: DoctorOptions) => {
      const { doctorCommand } = await import('../maintain/doctor.ts');
      exitWith(await doctorCommand(options, signal));
    });
}
