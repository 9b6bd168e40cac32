import { type Command, InvalidArgumentError, Option } from 'commander';
import { TASKS } from '../../config/tasks.ts';
import { didYouMean } from '../../config/wrong-values.ts';
import { quietSteps, verboseSteps } from '../output.ts';

/** What every command receives. */
export interface CommandContext {
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Sets the exit status of the process. */
  exitWith(status: number): void;
}

/** Adds a command with the options that all commands have. */
export function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'print one JSON document on stdout')
    .option('--debug', 'print stack traces');
}

/** Adds examples below the help of a command. */
export function withExamples(shown: Command, ...examples: readonly string[]): Command {
  return shown.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ npx reignite ${line}`).join('\n')}`);
}

/** Adds a command that reads a run's configuration: `run`, `plan`, `download`. */
export function configuredCommand(program: Command, name: string, description: string): Command {
  return configured(command(program, name, description))
    .option('--data <dir>', 'data folder (default: data/<record>; for the sample, in the state directory)')
    .option('--results <dir>', 'results folder (default: results/<profile>)')
    .option('--tasks <list>', `tasks to run, separated by commas: ${TASKS.join(', ')} (default: all)`, parseTasks);
}

/** Adds the configuration options. */
export function configured(program: Command): Command {
  return program
    .option('--profile <name|file>', 'configuration: sample, paper, or a YAML file', 'sample')
    .addOption(
      new Option('--set <a.b=value>', 'override a configuration field, such as he.scope=annotated (repeatable)')
        .argParser(append)
        .default([], 'none'),
    );
}

/** Adds the options of commands that show progress. */
export function withProgress(program: Command): Command {
  return program
    .option('--quiet', 'print results and errors only, no progress')
    .option('--verbose', 'print one line per activity, and all scores and reasons at the end')
    .hook('preAction', (_program, action) => {
      const { quiet, verbose }: { quiet?: boolean; verbose?: boolean } = action.opts();
      if (quiet) quietSteps();
      if (verbose) verboseSteps();
    });
}

/** Parses a number in an option. @throws InvalidArgumentError if it is not a number. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number.');
}

function parseTasks(text: string): string[] {
  const tasks = text.split(',').map((task) => task.trim());
  const unknown = tasks.find((task) => !TASKS.some((each) => each === task));
  if (unknown === undefined) return tasks;
  throw new InvalidArgumentError(`Expected names from ${TASKS.join(', ')}.${didYouMean(unknown, TASKS)}`);
}

/** Collects the values of a repeatable option. */
export function append(value: string, before: string[]): string[] {
  return [...before, value];
}
