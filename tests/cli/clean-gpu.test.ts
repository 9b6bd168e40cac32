import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { gpuFolder } from '../../toolkit/onnx/provider/cuda.ts';
import { runHere } from '../support/command-here.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

it('deletes the CUDA libraries without a Temporal server', async () => {
  const folder = await temporaryFolder();
  const environment = { XDG_CACHE_HOME: join(folder, 'cache'), TEMPORAL_CLI_PATH: join(folder, 'none') };
  const library = join(gpuFolder(environment), 'lib', 'libcudart.so.13');
  await mkdir(join(library, '..'), { recursive: true });
  await writeFile(library, 'of another machine');
  const place = { home: join(folder, 'home'), cwd: folder, environment };
  const { status, stdout, stderr } = await runHere(['clean', 'gpu', '--json'], place);
  expect(status, stderr + stdout).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ removed: true, found: [{ what: 'gpu', files: 1 }] });
  await expect(stat(library)).rejects.toThrow('ENOENT');
  // Whatever else is to be deleted may belong to an open run, which the server knows.
  const others = await runHere(['clean', 'gpu', 'cache', '--json'], place);
  expect([others.status, others.stdout]).toEqual([1, expect.stringContaining('TEMPORAL_')]);
});
