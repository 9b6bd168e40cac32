import { existsSync } from 'node:fs';

// ONNX Runtime reports every session to its makers unless it finds this when it is loaded; child processes inherit it.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

// Only a checkout has this script: it compiles what has changed.
const build = new URL('../scripts/build.js', import.meta.url);
if (!existsSync(build) || isBuilt(await import(build.href))) {
  const { main } = await import('../dist/cli/main.js');
  process.exitCode = await main(process.argv.slice(2));
}

/** Compiles; if nothing can be written, prints the error as every command does. */
function isBuilt({ ensureBuilt, BuildError }) {
  try {
    ensureBuilt();
    return true;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const { code, message: cause, remedy } = error;
    if (process.argv.includes('--json'))
      process.stdout.write(`${JSON.stringify({ error: { code, cause, remedy } }, null, 1)}\n`);
    else process.stderr.write(`error ${code}: ${cause}\n  ${remedy}\n`);
    process.exitCode = 1;
    return false;
  }
}
