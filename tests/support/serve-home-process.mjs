// The process that serve-home.ts starts: runs the server of a state directory, workers of all its queues, or both, until
// its parent disconnects. A command starts a process for each of them. JavaScript, because it is loaded without a loader.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { QUEUES } from '../../dist/config/tasks.js';
import { loadConfig } from '../../dist/runtime/load-config.js';
import { externalServer } from '../../dist/runtime/server/connection.js';
import { runningServer } from '../../dist/runtime/server/home-server.js';
import { openSession } from '../../dist/runtime/server/server-session.js';
import { workerSettingsOf } from '../../dist/runtime/workers/worker-settings.js';
import { placesNamedIn } from '../../dist/toolkit/files/allowed-places.js';
import { homeFromEnvironment } from '../../dist/toolkit/files/folders.js';

const { values } = parseArgs({
  options: {
    server: { type: 'boolean', default: false },
    workers: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'sample' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

const stop = new AbortController();
process.once('disconnect', () => stop.abort());
const stopped = once(stop.signal, 'abort');
// The parent may have ended while the modules were loaded.
if (!process.connected) stop.abort();
const home = homeFromEnvironment();
const config = await loadConfig({ profile: values.profile, set: values.set });
const settings = workerSettingsOf(config);
const session = values.server
  ? await openSession({ home, settings, queues: [], onStep: (line) => process.stderr.write(`${line}\n`) })
  : undefined;
const ready = () => process.send({ ready: true });
if (values.workers) await serveQueues();
else ready();
await stopped;
await session?.close();
process.exit(0);

async function serveQueues() {
  const { installTelemetry } = await import('../../dist/runtime/workers/telemetry.js');
  const { runWorker } = await import('../../dist/worker.js');
  installTelemetry(settings.telemetry);
  const server = session?.server ?? externalServer() ?? (await runningServer(home.home));
  const all = { ...settings, queues: QUEUES, places: placesNamedIn({ config }) };
  await runWorker({ home, server, settings: all, signal: stop.signal, onReady: ready });
}
