import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { acquireLease, type Rhythm } from '../../../toolkit/files/lease.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { startLeaseProcess } from './lease-process.ts';

// Of processes that the tests start nothing can be seen, as if they ran on another machine.
vi.mock('../../../toolkit/files/process-identity.ts', async (original) => ({
  ...(await original<typeof import('../../../toolkit/files/process-identity.ts')>()),
  processTableId: () => 'another machine',
}));

const RHYTHM: Rhythm = { renewMs: 300, silentMs: 3_000 };

const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path));

// Skipped where Debian's package faketime is not installed; lease.test.ts fakes the clock within the process.
describe.skipIf(FAKETIME === undefined)('a holder with a wrong clock', () => {
  it.each(['-60', '+60'])(
    'by %s s keeps its lease while it lives, and loses it when it is dead',
    {
      timeout: 300_000,
    },
    async (offset) => {
      const path = join(await temporaryFolder(), 'a.lock');
      const holder = await startLeaseProcess({ LD_PRELOAD: FAKETIME, FAKETIME: offset, DONT_FAKE_MONOTONIC: '1' });
      onTestFinished(() => void holder.process.kill('SIGKILL'));
      expect(await holder.order({ do: 'acquire', path, rhythm: RHYTHM })).toBe(true);
      const claim: { since: string } = JSON.parse(await readFile(join(path, (await readdir(path))[0] ?? ''), 'utf8'));
      expect(Math.abs(Date.parse(claim.since) - Date.now() - Number(offset) * 1_000)).toBeLessThan(20_000);
      for (const begin = performance.now(); performance.now() - begin < 5_000; await sleep(100)) {
        expect(await acquireLease(path, { rhythm: RHYTHM })).toMatchObject({ acquired: false });
      }
      await holder.kill();
      await sleep(RHYTHM.silentMs + 100);
      expect(await acquireLease(path, { rhythm: RHYTHM })).toMatchObject({ acquired: true });
    },
  );
});
