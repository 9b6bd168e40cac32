import type { Command, Option } from 'commander';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with what a shell needs to complete it. */
interface CompletedCommand {
  /** For example, `model inspect`. */
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
}

/** Creates the script that makes a shell complete commands, options and their values. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = commandsOf(program, []);
  if (shell === 'fish') return fishScript(program.name(), commands);
  const script = bashScript(program.name(), commands);
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script}` : script;
}

function commandsOf(parent: Command, path: readonly string[]): CompletedCommand[] {
  return parent.commands.flatMap((command): CompletedCommand[] => {
    const name = [...path, command.name()];
    if (command.commands.length > 0) return commandsOf(command, name);
    const options = command.options.filter(({ long, hidden }) => long !== undefined && !hidden);
    return [{ name: name.join(' '), description: command.description(), options }];
  });
}

function bashScript(name: string, commands: readonly CompletedCommand[]): string {
  const firsts = [...new Set(commands.map((command) => command.name.split(' ')[0] ?? ''))];
  const cases = commands.map(({ name: of, options }) => {
    const longs = options.map(({ long }) => long).join(' ');
    return `    ${quoted(of)}) words=${quoted(longs)} ;;`;
  });
  const groups = firsts.flatMap((first) => {
    const seconds = commands.filter((command) => command.name.startsWith(`${first} `));
    if (seconds.length === 0) return [];
    return [`    ${quoted(first)}) words=${quoted(seconds.map((each) => each.name.split(' ')[1]).join(' '))} ;;`];
  });
  const values = [...valuesOf(commands)].map(
    ([long, choices]) => `    ${long}) values=${quoted(choices.join(' '))} ;;`,
  );
  return `_${name}_completion() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" words='' values=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(firsts.join(' '))} -- "$current"))
    return
  fi
  case "$previous" in
${values.join('\n')}
  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    return
  fi
  if [ "$COMP_CWORD" -eq 2 ]; then
    case "$command" in
${groups.join('\n')}
    esac
    if [ -n "$words" ]; then
      COMPREPLY=($(compgen -W "$words" -- "$current"))
      return
    fi
  fi
  case "$command" in
    ${groupPattern(commands)}) command="$command \${COMP_WORDS[2]}" ;;
  esac
  case "$command" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
complete -o default -F _${name}_completion ${name}
`;
}

/** Returns the commands that have subcommands, as a pattern for `case`. */
function groupPattern(commands: readonly CompletedCommand[]): string {
  const groups = commands.flatMap((command) => {
    const [first, second] = command.name.split(' ');
    return first === undefined || second === undefined ? [] : [first];
  });
  return [...new Set(groups)].join('|') || "''";
}

function valuesOf(commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, Set<string>>();
  for (const { long, argChoices } of commands.flatMap(({ options }) => options)) {
    if (long === undefined || argChoices === undefined) continue;
    const known = values.get(long) ?? new Set();
    for (const choice of argChoices) known.add(choice);
    values.set(long, known);
  }
  return new Map([...values].map(([long, choices]) => [long, [...choices]]));
}

function fishScript(name: string, commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const [first = '', second] = command.name.split(' ');
    const here =
      second === undefined
        ? `__fish_seen_subcommand_from ${first}`
        : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`;
    const typed = second === undefined ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${first}`;
    const word = second ?? first;
    return [
      `complete -c ${name} -n ${quoted(typed)} -a ${quoted(word)} -d ${quoted(command.description)}`,
      ...command.options.map(({ long = '', description, argChoices, required }) => {
        const needsValue = required ? ' -r' : '';
        const choices = argChoices === undefined ? '' : ` -a ${quoted(argChoices.join(' '))}`;
        return `complete -c ${name} -n ${quoted(here)} -l ${long.slice(2)}${needsValue}${choices} -d ${quoted(description)}`;
      }),
    ];
  });
  const groups = [...new Set(commands.flatMap(({ name: of }) => (of.includes(' ') ? [of.split(' ')[0] ?? ''] : [])))];
  const heads = groups.map((group) => `complete -c ${name} -n '__fish_use_subcommand' -a ${quoted(group)}`);
  return `${[...heads, ...lines].join('\n')}\n`;
}

/** Quotes a word for all of the shells. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
