// Serves the inference queue of a stubbed run, one ROI at a time: waits, stores the result in the cache, and appends
// the ROI to a file of this process. For scripts/prove-many-workers.ts.
// Usage: node --import tsx scripts/fleet/stub-worker.ts ROOT ADDRESS WAIT_MS FILE
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { serveStubbed, stubbedRun } from '../../tests/support/stubbed-run.ts';
import { make } from '../../toolkit/cache/make.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';

/** Index of the run's name among the parts of a workflow ID. */
const NAME = 2;
const [root = '', address = '', waitMs = '0', file = ''] = process.argv.slice(2);
const run = stubbedRun(root, 0);
const services = { home: run.home, cache: new StepCache(run.home.cache) };

async function inferRoi({ roi }: { readonly roi: string }) {
  // The warm-up and the run use the same ROI names.
  const name = Context.current().info.workflowExecution?.workflowId.split('/')[NAME] ?? '';
  const { entry } = await make(services, { step: 'stub', roi, name }, async (folder) => {
    appendFileSync(file, `${name} ${roi}\n`);
    await sleep(Number(waitMs));
    const path = join(folder, 'mask.txt');
    writeFileSync(path, roi);
    return { files: { 'mask.txt': path }, facts: { roi } };
  });
  return { roi, key: entry.key, cached: false, seconds: Number(waitMs) / 1_000, tiles: 1 };
}

const server = { address, namespace: 'default', external: true };
const stop = await serveStubbed(run, server, { queues: ['inference'], slots: 1, steps: { inferRoi } });
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
await stop();
process.exit(0);
