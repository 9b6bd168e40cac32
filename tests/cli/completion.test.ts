import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/main.ts';
import { completionScript } from '../../cli/maintain/completion-script.ts';

const { signal } = new AbortController();
const program = createProgram({ signal, exitWith: () => undefined });

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(' ');
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=(reignite ${list}); COMP_CWORD=${words.length}; _reignite_completion; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

describe('completion in bash', () => {
  it('offers commands and subcommands', () => {
    expect(offered('comp')).toEqual(['compare', 'completion']);
    expect(offered('model', '')).toEqual(['inspect', 'describe', 'convert', 'parity']);
  });

  it('offers only the options of the command', () => {
    expect(offered('run', '--fr')).toEqual(['--fresh']);
    expect(offered('model', 'convert', '--si')).toEqual(['--size']);
    expect(offered('list', '--fr')).toEqual([]);
  });

  it('offers the values of an option', () => {
    expect(offered('sweep', '--task', '')).toContain('pdl1');
  });
});

describe('completion in other shells', () => {
  it('describes every command and option for fish, with quotes escaped', () => {
    const script = completionScript(program, 'fish');
    expect(script).toContain("-n '__fish_use_subcommand' -a 'compare'");
    expect(script).toContain("-n '__fish_seen_subcommand_from run' -l fresh");
    // An apostrophe ends no word: without the escaped ones, quotes come in pairs.
    for (const line of script.split('\n')) expect(line.replaceAll("'\\''", '').split("'").length % 2).toBe(1);
  });

  it('uses the bash script for zsh', () => {
    expect(completionScript(program, 'zsh')).toMatch(/^autoload -U \+X bashcompinit/);
  });
});
