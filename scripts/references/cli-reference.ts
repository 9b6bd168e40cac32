import type { Argument, Command, Option } from 'commander';
import { markdownTable } from './markdown-table.ts';

/** Options of all commands, which are described once. */
const COMMON = ['--json', '--debug'];

/** Writes the reference of the command line from the program itself, one section per command. */
export function cliReference(program: Command): string {
  return [
    '# Command line',
    'Run commands with `npx reignite COMMAND`. Commands and options are listed as `--help` prints them.',
    'Exit statuses are in [errors](errors.md#exit-status), configuration fields for `--set` in [configuration](configuration.md).',
    'Every command except `completion` takes `--json` (one JSON document on stdout; `server`, `worker`, `ui`: errors only), ' +
      '`--debug` (stack traces) and `--help`.',
    ...leaves(program, []).map(([words, command]) => section(words, command)),
  ].join('\n\n');
}

/** Lists the executable commands with their full names: `model inspect`, not `model`. */
function leaves(command: Command, before: readonly string[]): [readonly string[], Command][] {
  if (command.commands.length === 0) return [[before, command]];
  return command.commands.flatMap((child) => leaves(child, [...before, child.name()]));
}

function section(words: readonly string[], command: Command): string {
  const { visibleOptions, visibleArguments } = shown(command);
  const name = words.join(' ');
  const usage = ['npx reignite', name, ...visibleArguments.map(argumentText), '[options]'].join(' ');
  const described = visibleArguments.filter(({ description }) => description !== '');
  const rows = [
    ...described.map((argument) => [`\`${argumentText(argument)}\``, meaning(argument), '']),
    ...visibleOptions.map((option) => [`\`${option.flags}\``, meaning(option), defaultText(option)]),
  ];
  return [
    `## ${name}`,
    `${sentence(command.description())}`,
    `\`\`\`\n${usage}\n\`\`\``,
    ...(rows.length === 0 ? [] : [markdownTable(['Argument or option', 'Meaning', 'Default'], rows)]),
  ].join('\n\n');
}

function shown(command: Command) {
  const help = command.createHelp();
  const options = help.visibleOptions(command);
  return {
    visibleOptions: options.filter(({ long }) => long !== '--help' && !COMMON.includes(long ?? '')),
    visibleArguments: command.registeredArguments,
  };
}

function argumentText(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function meaning(described: Argument | Option): string {
  const { description, argChoices } = described;
  const choices = argChoices === undefined ? '' : ` (${argChoices.map((choice) => `\`${choice}\``).join(', ')})`;
  return `${description}${choices}${'mandatory' in described && described.mandatory ? '; required' : ''}`;
}

function defaultText({ defaultValue, negate }: Option): string {
  if (negate || defaultValue === undefined || (Array.isArray(defaultValue) && defaultValue.length === 0)) return '';
  return `\`${String(defaultValue)}\``;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
