/**
 * Entry point of a worker process. Its environment says what it serves; its parent process sends the server's address.
 *
 * @module
 */
import { once } from 'node:events';
import { z } from 'zod';
import { plainProblem } from './config/wrong-values.ts';
import { parseServerAddress } from './runtime/server/connection.ts';
import { installTelemetry } from './runtime/workers/telemetry.ts';
import { settingsFromEnvironment } from './runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from './toolkit/files/folders.ts';
import { runWorker } from './worker.ts';

/** A process that has not stopped in this time is killed: finished work is safe on disk. */
const STOP_WITHIN_MS = 15_000;

z.config({ customError: plainProblem });
const settings = settingsFromEnvironment();
installTelemetry(settings.telemetry);
const stop = new AbortController();
const endInTime = () => {
  // `exit` would wait for threads in native code, such as one tile of a large network.
  const drainMs = (settings.drainSeconds ?? 0) * 1_000;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_WITHIN_MS + drainMs).unref();
};
// The parent process holds the other end of this channel: however it ends, its workers end too.
process.once('disconnect', () => {
  endInTime();
  stop.abort();
});
// A parent that ended while this process was loading its modules sends no event any more.
if (!process.connected) process.exit(0);
// The SDK shuts down the workers on these signals.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, endInTime);

const [message] = await Promise.race([once(process, 'message'), once(stop.signal, 'abort')]);
if (stop.signal.aborted) process.exit(0);
await runWorker({
  home: homeFromEnvironment(),
  server: parseServerAddress(message),
  settings,
  signal: stop.signal,
  onReady: () => process.send?.({ ready: true }),
});
process.exit(0);
