import { readdir, readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { workflowBundle } from '../../runtime/workers/workflow-bundle.ts';

describe('the workflow bundle', () => {
  let code = '';
  beforeAll(async () => {
    code = await readFile((await workflowBundle()).path, 'utf8');
  });

  it('contains the workflows and nothing that does input or output', () => {
    for (const name of ['reproduce', 'acquire', 'validateTask', 'inferBatch', 'measureDiscrepancies'])
      expect(code).toContain(name);
    for (const name of ['node_modules/zod', 'onnxruntime', 'node_modules/sharp', 'toolkit/', 'activities/']) {
      expect(code.includes(`./${name}`), name).toBe(false);
    }
  });

  it('is made once for the same sources', async () => {
    const before = await workflowBundle();
    const { mtimeMs } = await stat(before.path);
    expect(await workflowBundle()).toEqual(before);
    expect((await stat(before.path)).mtimeMs).toBe(mtimeMs);
  });

  it('lists every file of this package that it contains, so that any change of them is noticed', async () => {
    const { sources } = JSON.parse(await readFile(packageFile('dist/workflow-bundle.json'), 'utf8'));
    const ours = [...code.matchAll(/^\/\*\*\*\/ "\.\/(dist\/[^"]+\.js)"/gm)].map(([, path]) => path);
    const workflows = (await readdir(packageFile('workflows'))).map(
      (name) => `dist/workflows/${name.replace(/ts$/, 'js')}`,
    );
    expect(ours).toEqual(expect.arrayContaining([...workflows, 'dist/config/tasks.js']));
    expect(Object.keys(sources)).toEqual(expect.arrayContaining(ours));
  });
});
