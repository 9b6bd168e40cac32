// Runs all checks, in the order in which mistakes are cheapest to find: format and lint, types, tests.
// Arguments are passed to vitest: `npm test -- tests/toolkit/metrics`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Returns the script behind a package's command, to be run with this Node, without a shell or PATH. */
function commandOf(packageName, command) {
  const manifest = require.resolve(`${packageName}/package.json`);
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

const steps = [
  [commandOf('@biomejs/biome', 'biome'), 'check', '.'],
  [commandOf('typescript', 'tsc'), '--noEmit'],
  [commandOf('vitest', 'vitest'), 'run', ...process.argv.slice(2)],
];

for (const [script, ...args] of steps) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
