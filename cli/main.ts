import { setMaxListeners } from 'node:events';
import { Command, CommanderError, Help } from 'commander';
import { z } from 'zod';
import { packageVersion } from '../config/package-files.ts';
import { plainProblem } from '../config/plain-problems.ts';
import { listenForStop } from './interruption.ts';
import { EXIT, outputWritten, printError, printJson, printStep, watchOutput } from './output.ts';
import { type CommandContext, withExamples } from './program/command.ts';
import { machineCommands } from './program/maintain-commands.ts';
import { modelCommands, predictionCommands } from './program/predict-commands.ts';
import { reportCommands, runCommands } from './program/run-commands.ts';
import { namedCommand, usageError } from './usage-error.ts';

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
  const options = { json: words.includes('--json'), debug: words.includes('--debug') };
  if (options.json) printJson();
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
