import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle, workflowDigest } from '../../cli/workflow-bundle.ts';
import { homeFolders } from '../../toolkit/files/home-folders.ts';
import { bundleHome } from '../support/bundle-home.ts';

describe('the workflow bundle', () => {
  let code = '';
  beforeAll(async () => {
    code = await readFile(await workflowBundle(homeFolders(bundleHome())), 'utf8');
  });

  it('holds the workflows and nothing that does input or output', () => {
    for (const name of ['reproduce', 'acquire', 'segmentTissue', 'detectNuclei', 'detectPdl1', 'inferChunk'])
      expect(code).toContain(name);
    for (const name of ['node_modules/zod', 'onnxruntime', 'node_modules/sharp', 'toolkit/', 'activities/']) {
      expect(code.includes(`./${name}`), name).toBe(false);
    }
  });

  it('is named after its source, so that the second call finds it', async () => {
    const path = await workflowBundle(homeFolders(bundleHome()));
    expect(path).toContain(await workflowDigest());
  });
});
