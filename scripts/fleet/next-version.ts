import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const NEXT_VERSION = '99.0.0';
/** Patch for a timer that the next version starts before all else: an open run has passed that point. */
export const EARLY_PATCH = `${NEXT_VERSION}-early`;
/** Patch for a timer that it starts after the tasks: an open run has not reached that point. */
export const LATE_PATCH = `${NEXT_VERSION}-late`;

const OPENS = "  await openResults.executeWithOptions({ summary: 'results folder' }, [input]);\n";
const DISCREPANCIES = "      updateSearchAttributes({ stage: 'discrepancies' });\n";

/**
 * Copies this checkout, with the next version's number and two workflow changes behind patches.
 *
 * @returns The command of that version.
 */
export function makeNextVersion(folder: string): string {
  mkdirSync(folder);
  execFileSync(
    'bash',
    ['-c', 'set -euo pipefail; git ls-files -z | tar --null -T - -c | tar -x -C "$1"', 'copy', folder],
    {
      cwd: ROOT,
    },
  );
  // Not a symbolic link to the folder: the compiler would then name types by paths outside the copy.
  execFileSync('cp', ['--archive', '--link', join(ROOT, 'node_modules'), folder]);
  edit(join(folder, 'package.json'), /"version": ".*?"/, `"version": "${NEXT_VERSION}"`);
  const workflow = join(folder, 'workflows', 'reproduce.ts');
  edit(workflow, '  CancellationScope,\n', '  CancellationScope,\n  patched,\n  sleep,\n');
  edit(workflow, OPENS, `  if (patched('${EARLY_PATCH}')) await sleep(1);\n${OPENS}`);
  edit(workflow, DISCREPANCIES, `      if (patched('${LATE_PATCH}')) await sleep(1);\n${DISCREPANCIES}`);
  execFileSync(process.execPath, [join(folder, 'scripts', 'build.js')], { cwd: folder, stdio: 'inherit' });
  return join(folder, 'bin', 'reignite.js');
}

function edit(path: string, from: string | RegExp, to: string): void {
  const text = readFileSync(path, 'utf8');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`${path} has no ${from}.`);
  writeFileSync(path, edited);
}
