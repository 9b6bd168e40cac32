// Runs all checks: format and lint, types, tests.
// Arguments are passed to vitest: `npm test -- tests/toolkit/metrics`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Returns the script behind a package's command, to be run with this Node, without a shell or PATH. */
function commandOf(packageName, command) {
  const manifest = require.resolve(`${packageName}/package.json`);
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

const biome = [commandOf('@biomejs/biome', 'biome'), 'check', '.'];
const compiler = [commandOf('typescript', 'tsc'), '--noEmit'];
const vitest = [commandOf('vitest', 'vitest'), 'run', ...process.argv.slice(2)];

// Side by side, because each of the first two uses one processor; the tests end with them if they find a mistake.
const tests = start(vitest);
const checks = await Promise.all([start(biome).status, start(compiler).status]);
const mistake = checks.find((status) => status !== 0);
if (mistake !== undefined) tests.stop();
process.exit(mistake ?? (await tests.status));

/** Starts a script whose output is shown; `status` resolves to 0 if it succeeds. */
function start([script, ...args]) {
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  const status = once(child, 'exit').then(([code]) => code ?? 1);
  return { status, stop: () => child.kill() };
}
