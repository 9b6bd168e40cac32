import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { compiledFile } from '../../../config/package-files.ts';
import { TelemetryConfig } from '../../../config/schema.ts';
import { settingsToEnvironment } from '../../../runtime/workers/worker-settings.ts';
import { isAlive, startCommand, until, workersOf } from '../../support/command.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../../support/tiny-record.ts';

/** In every thread of an inference worker, a call that never comes back: one into ONNX Runtime may take minutes. */
const BLOCKING = (marker: string, pipe: string) => `
  import { isMainThread } from 'node:worker_threads';
  import { readFileSync, writeFileSync } from 'node:fs';
  if (!isMainThread && process.env.REIGNITE_WORKER?.includes('["inference"]')) {
    writeFileSync(${JSON.stringify(marker)}, '');
    readFileSync(${JSON.stringify(pipe)});
  }`;

it('ends after SIGTERM, even if one of its threads is in a native call', async () => {
  const cwd = await temporaryFolder();
  const [home, marker, pipe, block] = ['home', 'marker', 'pipe', 'block.mjs'].map((name) => join(cwd, name));
  if (!home || !marker || !pipe || !block) throw new Error('four paths');
  await writeTinyRecord(cwd, [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(cwd, 'tiny.yaml'), tinyProfile(join(cwd, 'served')));
  execFileSync('mkfifo', [pipe]);
  await writeFile(block, BLOCKING(marker, pipe));
  const environment = { NODE_OPTIONS: `--import ${pathToFileURL(block).href}` };
  const words = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];
  const command = startCommand(words, { home, cwd, environment });
  try {
    await until(() => existsSync(marker), command.stderr);
    const worker = workersOf(home)['inference'] ?? 0;
    expect(worker).toBeGreaterThan(0);
    process.kill(worker, 'SIGTERM');
    await until(() => !isAlive(worker), command.stderr);
  } finally {
    command.process.kill('SIGINT');
    await command.ended;
  }
});

it('ends if its command ended while it was starting', async () => {
  const settings = { taskQueuePrefix: 'none', heartbeatThrottleSeconds: 1, connections: 1 };
  const worker = fork(compiledFile('worker-process.ts'), {
    execArgv: [],
    env: {
      ...process.env,
      REIGNITE_HOME: await temporaryFolder(),
      ...settingsToEnvironment({ ...settings, telemetry: TelemetryConfig.parse({}), queues: ['orchestration'] }),
    },
  });
  const exit = once(worker, 'exit');
  await once(worker, 'spawn');
  worker.disconnect();
  expect(await exit).toEqual([0, null]);
});
