import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runHere } from '../support/command-here.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

describe('reignite run into a folder that cannot be created', () => {
  it('fails with the code of the activity that could not write, not with INTERNAL', async () => {
    const cwd = await temporaryFolder();
    const words = ['run', '--profile', 'sample', '--results', '/proc/reignite/results', '--json'];
    const { status, stdout, stderr } = await runHere(words, { cwd, home: join(cwd, 'home') });
    expect(status, stderr).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'NOT_WRITABLE',
      cause: expect.stringContaining('/proc/reignite'),
    });
  });
});
