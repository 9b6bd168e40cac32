import { setMaxListeners } from 'node:events';
import { Command, CommanderError, Help } from 'commander';
import { z } from 'zod';
import { packageVersion } from '../config/package-files.ts';
import { didYouMean, plainProblem } from '../config/wrong-values.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { listenForStop } from './interruption.ts';
import { EXIT, outputWritten, printError, printStep, startOutput, watchOutput } from './output.ts';
import { type CommandContext, withExamples } from './program/command.ts';
import { machineCommands } from './program/maintain-commands.ts';
import { modelCommands, predictionCommands } from './program/predict-commands.ts';
import { reportCommands, runCommands } from './program/run-commands.ts';

const DESCRIPTION =
  'Reproduce the technical validation of the IGNITE data toolkit with Temporal workflows, and compare the results with the published ones';

/**
 * Runs the command line. A command's module is loaded only when needed, so that help and usage errors appear at once.
 *
 * @param words - The command and its arguments.
 * @returns The exit status.
 */
export async function main(words: readonly string[]): Promise<number> {
  z.config({ customError: plainProblem });
  const options = { json: words.includes('--json'), debug: words.includes('--debug') };
  startOutput(options);
  const stop = new AbortController();
  // Every long operation of a command adds a listener.
  setMaxListeners(0, stop.signal);
  const interrupted = listenForStop(stop);
  const outputFailure = watchOutput();
  const outcome = { status: EXIT.done as number };
  const program = createProgram({
    signal: stop.signal,
    exitWith(status) {
      outcome.status = status;
    },
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    await outputWritten();
    const failure = outputFailure();
    if (failure !== undefined) throw failure;
    return interrupted() ?? outcome.status;
  } catch (error) {
    const status = interrupted();
    if (status !== undefined) return status;
    if (!(error instanceof CommanderError)) return printError(error, options);
    if (error.exitCode === 0) return EXIT.done;
    const isWithoutCommand = error.code === 'commander.help' && !options.json;
    if (!isWithoutCommand) return printError(usageError(error, program, words), options);
    printStep(namedCommand(program, words).helpInformation().trimEnd());
    return EXIT.usage;
  }
}

/** Minimum width of a description next to its option; if there is less room, it is printed below. */
const NARROWEST = 24;
const BELOW = '      ';

/** Formats an option or a command with its description next to it or, on a narrow terminal, below it. */
function helpItem(term: string, termWidth: number, description: string, helper: Help): string {
  const width = helper.helpWidth ?? 80;
  const isNarrow = width - termWidth - 4 < NARROWEST;
  if (!isNarrow || description === '')
    return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
  const lines = helper.boxWrap(description, Math.max(NARROWEST, width - BELOW.length)).split('\n');
  return [`  ${term}`, ...lines.map((line) => BELOW + line)].join('\n');
}

/** Creates the whole command line; `context` is passed to every command. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('reignite').description(DESCRIPTION).version(packageVersion());
  const { optionDescription } = new Help();
  program.configureHelp({
    optionDescription: (option) => `${optionDescription(option)}${option.mandatory ? ' (required)' : ''}`,
    minWidthToWrap: NARROWEST,
    formatItem: helpItem,
  });
  withExamples(program, 'run', 'run --profile paper', 'COMMAND --help');
  // Errors are printed like all others; help goes to stdout.
  program.configureOutput({ writeErr: () => undefined }).exitOverride();
  runCommands(program, context);
  predictionCommands(program, context);
  reportCommands(program, context);
  modelCommands(program, context);
  machineCommands(program, context);
  return program;
}

/**
 * Converts an error of the command-line parser to a ReigniteError: the problem, the likely spelling, and where to find
 * help.
 *
 * @param words - The command line; determines the command whose help is named.
 */
function usageError({ code, message }: CommanderError, program: Command, words: readonly string[]): ReigniteError {
  const name = nameOf(namedCommand(program, words));
  const remedy =
    name === ''
      ? 'Run `npx reignite --help` for the commands.'
      : `Run \`npx reignite ${name} --help\` for its arguments and options.`;
  if (code === 'commander.help') return new ReigniteError('USAGE', 'Expected a command.', { remedy });
  const [problem = '', suggestion = ''] = message.replace(/^error: /, '').split('\n');
  const sentence = `${problem.charAt(0).toUpperCase()}${problem.slice(1)}${/[.?]$/.test(problem) ? '' : '.'}`;
  const meant = /^\((.*)\)$/.exec(suggestion)?.[1];
  return new ReigniteError('USAGE', `${sentence}${meant === undefined ? suggestChoice(problem) : ` ${meant}`}`, {
    remedy,
  });
}

function suggestChoice(problem: string): string {
  const [, given = '', choices = ''] = /argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(problem) ?? [];
  return choices === '' ? '' : didYouMean(given, choices.split(', '));
}

/** Returns the command that the first words name, or the whole program. */
function namedCommand(program: Command, words: readonly string[]): Command {
  const found = program.commands.find((each) => each.name() === words[0]);
  return found === undefined ? program : namedCommand(found, words.slice(1));
}

function nameOf(command: Command): string {
  return command.parent === null ? '' : `${nameOf(command.parent)} ${command.name()}`.trim();
}
