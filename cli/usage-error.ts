import type { Command, CommanderError } from 'commander';
import { didYouMean } from '../config/suggest.ts';
import { ReigniteError } from '../toolkit/errors.ts';

/**
 * Converts an error of the command-line parser to a ReigniteError: the problem, the likely spelling, and where to find
 * help.
 *
 * @param words - The command line; determines the command whose help is named.
 */
export function usageError(
  { code, message }: CommanderError,
  program: Command,
  words: readonly string[],
): ReigniteError {
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
export function namedCommand(program: Command, words: readonly string[]): Command {
  const found = program.commands.find((each) => each.name() === words[0]);
  return found === undefined ? program : namedCommand(found, words.slice(1));
}

function nameOf(command: Command): string {
  return command.parent === null ? '' : `${nameOf(command.parent)} ${command.name()}`.trim();
}
