// Measures the cost of orchestration: 100,000 ROIs whose activities do nothing, on the embedded server. Prints ms per
// ROI, and the longest history and largest payload of the run. A second call resumes where the first one stopped.
// Usage: npx tsx bench/scale.ts [--rois 100000] [--home DIR] [--minutes 9] [--window 4] [--page 100]
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectTo } from '../runtime/server/connection.ts';
import { startEmbeddedServer } from '../runtime/server/embedded-server.ts';
import { historySizes } from '../tests/support/history-sizes.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../tests/support/stubbed-run.ts';
import { ANY_PORTS, temporalBinary } from '../tests/support/temporal.ts';

const { values } = parseArgs({
  options: {
    rois: { type: 'string', default: '100000' },
    home: { type: 'string', default: join(tmpdir(), 'reignite-scale') },
    minutes: { type: 'string', default: '9' },
    window: { type: 'string', default: '4' },
    page: { type: 'string', default: '100' },
  },
});
const root = resolve(values.home);
await mkdir(root, { recursive: true });
const temporal = { maxConcurrentRois: Number(values.window), batchSize: Number(values.page) };
const run = stubbedRun(root, Number(values.rois), { temporal });
const server = await startEmbeddedServer({ home: root, binary: await temporalBinary(), ports: ANY_PORTS });
const client = await connectTo(server);
let inferred = 0;
const stop = await serveStubbed(run, server, { onInferred: () => inferred++ });
const began = Date.now();
const handle = await startStubbed(client, run);
const ended = handle.result().then(() => true);
const isDone = await Promise.race([ended, sleep(Number(values.minutes) * 60_000, false, { ref: false })]);
const seconds = (Date.now() - began) / 1_000;
const each = ((1_000 * seconds) / Math.max(1, inferred)).toFixed(1);
console.log(
  `${inferred} ROIs in ${seconds.toFixed(1)} s: ${each} ms per ROI (window ${values.window}, page ${values.page})`,
);
if (isDone) {
  console.log('The run has ended.', JSON.stringify(await historySizes(client, run.id)));
} else console.log('The run continues with the next call.');
ended.catch(() => undefined);
await client.connection.close();
await stop();
await server.stop();
