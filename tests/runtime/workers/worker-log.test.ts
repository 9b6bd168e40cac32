import { closeSync } from 'node:fs';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { openWorkerLog } from '../../../runtime/workers/worker-processes.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

function opened(logs: string, queue: string): string {
  const { path, descriptor } = openWorkerLog(logs, queue);
  closeSync(descriptor);
  return basename(path);
}

it('gives every process its own log', async () => {
  const logs = await temporaryFolder();
  const names = [opened(logs, 'inference'), opened(logs, 'inference'), opened(logs, 'orchestration')];
  expect(new Set(await readdir(logs))).toEqual(new Set(names));
  expect(names[0]).toMatch(/^worker-inference-\d{8}T\d{6}-[0-9a-f]{6}\.log$/);
});

it('keeps the newest twenty of a kind, and those written to within the last week', async () => {
  const logs = await temporaryFolder();
  const old = Array.from({ length: 25 }, (_, k) => `worker-inference-20200101T0000${k + 10}-ab12cd.log`);
  const others = ['worker-orchestration-20200101T000010-ab12cd.log', 'temporal.log', 'worker-inference.log'];
  for (const name of [...old, ...others]) {
    await writeFile(join(logs, name), '');
    await utimes(join(logs, name), 1, 1);
  }
  const running = old[0] ?? '';
  await utimes(join(logs, running), new Date(), new Date());
  const own = opened(logs, 'inference');
  expect((await readdir(logs)).sort()).toEqual([running, ...old.slice(6), ...others, own].sort());
});
