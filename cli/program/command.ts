import type { Command } from 'commander';

/** What every command is given. */
export interface CommandContext {
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Sets the exit status of the process. */
  exitWith(status: number): void;
}

/** A command with the options that all have. */
export function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'print one JSON document on stdout')
    .option('--debug', 'print stack traces');
}

/** A command that takes a run's configuration: `run`, `plan`, `download`. */
export function configuredCommand(program: Command, name: string, description: string): Command {
  return configured(command(program, name, description))
    .option('--data <dir>', 'where the record lies or will lie (default: data/<record>)')
    .option('--results <dir>', 'where results go (default: results/<profile>)')
    .option('--tasks <list>', 'which tasks, separated by commas', (text: string) => text.split(','));
}

/** Adds the options from which a configuration is read. */
export function configured(program: Command): Command {
  return program
    .option('--profile <name|file>', 'sample, paper, or a YAML file', 'sample')
    .option('--set <a.b=value>', 'set a field; may be given again', append, []);
}

/** For options that may be given several times. */
export function append(value: string, before: string[]): string[] {
  return [...before, value];
}
