// The whole check, in the order in which a mistake is cheapest to find: format and lint, types, tests.
// Arguments go to vitest: `npm test -- tests/toolkit/metrics`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The script behind a package's command, run with this Node: no shell, no PATH. */
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
