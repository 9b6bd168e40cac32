import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createErrorInterceptor, needFolders } from '../../activities/interceptors.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const MODEL = { digest: 'a'.repeat(64) };

describe('needFolders', () => {
  async function runStep(root: string, attempt = 1) {
    const home = homeFolders(join(root, 'home'));
    const interceptors = [
      (context: Parameters<typeof createErrorInterceptor>[0]) => ({ inbound: createErrorInterceptor(context) }),
      (context: Parameters<typeof createErrorInterceptor>[0]) => ({ inbound: needFolders(home)(context) }),
    ];
    const info = { attempt, heartbeatTimeoutMs: 100 };
    const environment = new MockActivityEnvironment(info, { interceptors });
    const folders = { data: join(root, 'data'), results: join(root, 'results') };
    return environment.run((_step: unknown) => Promise.resolve('done'), { folders, model: MODEL });
  }

  it('hands an activity over to another worker until data, results and model exist', async () => {
    const root = await temporaryFolder();
    for (const folder of ['data', 'results', join('home', 'models', MODEL.digest)]) {
      await expect(runStep(root)).rejects.toMatchObject({
        type: 'FOLDER_UNAVAILABLE',
        nonRetryable: false,
        message: expect.stringContaining(join(root, folder)),
      });
      await mkdir(join(root, folder), { recursive: true });
    }
    expect(await runStep(root)).toBe('done');
  });

  it('fails if no worker ever has the folder', async () => {
    const root = await temporaryFolder();
    await expect(runStep(root, 30)).rejects.toMatchObject({ type: 'FILE_MISSING', nonRetryable: true });
  });
});
