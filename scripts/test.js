// Runs all checks: format and lint first, then types and tests side by side.
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

if ((await start(biome).status) !== 0) process.exit(1);
// The compiler uses one processor: the tests start meanwhile, and end with it if it finds an error.
const types = start(compiler);
const tests = start(vitest);
const typesStatus = await types.status;
if (typesStatus !== 0) tests.stop();
process.exit(typesStatus || (await tests.status));

/** Starts a script whose output is shown; `status` resolves to 0 if it succeeds. */
function start([script, ...args]) {
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  const status = once(child, 'exit').then(([code]) => code ?? 1);
  return { status, stop: () => child.kill() };
}
