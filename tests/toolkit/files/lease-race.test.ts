import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acquireLease } from '../../../toolkit/files/lease.ts';
import { ownIdentity, processTableId } from '../../../toolkit/files/process-identity.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { type LeaseProcess, startLeaseProcess } from './lease-process.ts';

const ENDED = 2 ** 22 + 5;
/** Each of two processes; `LEASE_ROUNDS=500` makes it a thousand together. */
const ROUNDS = Number(process.env['LEASE_ROUNDS'] ?? 150);

async function started(): Promise<LeaseProcess> {
  const other = await startLeaseProcess();
  onTestFinished(() => void other.process.kill('SIGKILL'));
  return other;
}

async function deadClaim(path: string): Promise<void> {
  const claim = { host: 'here', ...(await ownIdentity()), pid: ENDED, table: processTableId(), since: '' };
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'dead.json'), JSON.stringify(claim));
}

describe('two processes racing for a lease', () => {
  it('never hold it at the same time', async () => {
    const folder = await temporaryFolder();
    const log = join(folder, 'log');
    const path = join(folder, 'a.lock');
    const two = await Promise.all([started(), started()]);
    await Promise.all(two.map((other) => other.order({ do: 'contend', path, log, rounds: ROUNDS })));
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(2 * 2 * ROUNDS);
    for (let k = 0; k < lines.length; k += 2) {
      expect(lines[k]).toMatch(/^got /);
      expect(lines[k + 1]).toBe(lines[k]?.replace('got', 'gave'));
    }
    expect(await readdir(folder)).toEqual(['log']);
  });

  it('take over a dead one, exactly one of them each time', async () => {
    const folder = await temporaryFolder();
    const two = await Promise.all([started(), started()]);
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(folder, `${round}.lock`);
      if (round % 2 === 0) await deadClaim(path);
      const outcomes = await Promise.all(two.map((other) => other.order({ do: 'acquire', path })));
      expect(outcomes.filter((isOwner) => isOwner === true)).toHaveLength(1);
      await Promise.all(two.map((other) => other.order({ do: 'release' })));
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('leave it free when killed at any time during acquiring, renewing and releasing', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.lock');
    for (let round = 0; round < 6; round++) {
      const other = await started();
      other.process.send({ do: 'churn', path });
      await sleep(30 + Math.random() * 60);
      await other.kill();
      const lease = await acquireLease(path);
      if (!lease.acquired) throw new Error('A dead process holds the lease.');
      await lease.release();
      expect(await readdir(folder)).toEqual([]);
    }
  });
});

/** A /proc of its own within a private mount namespace: the machine's stays as it is (kernels from 5.8 on). */
const HIDE = 'mount -t proc -o hidepid=2 proc /proc';

function mayHideProcesses(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const hasOwnInstances = major > 5 || (major === 5 && minor >= 8);
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !hasOwnInstances) return false;
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', HIDE], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// Skipped where /proc cannot be mounted: that needs root and its capabilities.
describe.skipIf(!mayHideProcesses())('where /proc hides the processes of other users', () => {
  const UNPRIVILEGED = 65_534;

  it('takes over a lease from a dead holder but not from a living one', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o777);
    const path = join(folder, 'a.lock');
    const script = join(folder, 'ask.mts');
    const module = new URL('../../../toolkit/files/lease.ts', import.meta.url).href;
    await writeFile(
      script,
      `import { existsSync } from 'node:fs';
       import { acquireLease } from '${module}';
       const seen = existsSync('/proc/${process.pid}');
       const lease = await acquireLease('${path}');
       console.log(JSON.stringify({ seen, acquired: lease.acquired }));
       if (lease.acquired) await lease.release();`,
    );
    const ask = async () => {
      const asUnprivileged = `setpriv --reuid ${UNPRIVILEGED} --regid ${UNPRIVILEGED} --clear-groups`;
      const shell = `${HIDE}; exec ${asUnprivileged} ${process.execPath} --import tsx ${script}`;
      const child = spawn('unshare', ['-m', 'sh', '-c', shell], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, HOME: '/nonexistent', TMPDIR: folder },
      });
      const chunks: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(child, 'close');
      return JSON.parse(Buffer.concat(chunks).toString());
    };
    const holder = await started();
    expect(await holder.order({ do: 'acquire', path })).toBe(true);
    expect(await ask()).toEqual({ seen: false, acquired: false });
    await holder.kill();
    expect(await ask()).toEqual({ seen: false, acquired: true });
  });
});
