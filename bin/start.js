import { existsSync } from 'node:fs';

// ONNX Runtime reports every session to its makers unless it finds this when it is loaded; child processes inherit it.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

// Only a checkout has this script: it compiles what has changed.
const build = new URL('../scripts/build.js', import.meta.url);
if (existsSync(build)) (await import(build.href)).ensureBuilt();

const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
