import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isRunning, ownIdentity, processTableId, startTimeOf } from '../../../toolkit/files/process-identity.ts';

describe('process identity', () => {
  it('recognises this process, now and later', async () => {
    const identity = await ownIdentity();
    expect(identity.pid).toBe(process.pid);
    expect(await isRunning(identity)).toBe(true);
    expect(await ownIdentity()).toEqual(identity);
    expect(processTableId()).toBe(processTableId());
  });

  it('does not confuse processes with the same PID', async () => {
    expect(await isRunning({ ...(await ownIdentity()), startTime: 'earlier' })).toBe(false);
  });

  it('notices the end of a process, even a zombie', async () => {
    // The shell leaves its child unfetched: `exec` makes a parent of it that never asks.
    const shell = spawn('/bin/sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await once(shell.stdout, 'data');
    const pid = Number(String(output).trim());
    await expect.poll(() => startTimeOf(pid), { timeout: 300_000 }).toBeUndefined();
    expect(await startTimeOf(shell.pid ?? 0)).toBeDefined();
    shell.kill('SIGKILL');
    await once(shell, 'exit');
    expect(await startTimeOf(shell.pid ?? 0)).toBeUndefined();
  });
});
