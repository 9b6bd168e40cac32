import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../../config/suggest.ts';
import { TASKS } from '../../config/tasks.ts';

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
    .option('--tasks <list>', 'which tasks, separated by commas', parseTasks);
}

/** Adds the options from which a configuration is read. */
export function configured(program: Command): Command {
  return program
    .option('--profile <name|file>', 'sample, paper, or a YAML file', 'sample')
    .option('--set <a.b=value>', 'set a field; may be given again', append, []);
}

/** @throws InvalidArgumentError for what is not a number. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number.');
}

function parseTasks(text: string): string[] {
  const tasks = text.split(',').map((task) => task.trim());
  const unknown = tasks.find((task) => !TASKS.some((each) => each === task));
  if (unknown === undefined) return tasks;
  throw new InvalidArgumentError(`Expected names among ${TASKS.join(', ')}.${didYouMean(unknown, TASKS)}`);
}

/** For options that may be given several times. */
export function append(value: string, before: string[]): string[] {
  return [...before, value];
}
