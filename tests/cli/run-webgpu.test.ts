import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { Environment } from '../../toolkit/report/environment.ts';
import { readEnvironments } from '../../toolkit/results/results-folder.ts';
import { runCommand } from '../support/command.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { webgpuMissing } from '../support/software-vulkan.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const ROI = { name: 'patient1_he_roi1', width: 90, height: 70 };
/** Largest share of pixels in which rounding may choose another label. */
const NEAR_TIES = 0.001;

const missing = await webgpuMissing();
const folder = suiteFolder();
const mask = (provider: string) => join(folder(), provider, 'inference', 'he', `${ROI.name}_with_context.png`);

function run(provider: string) {
  const words = ['run', '--profile', 'tiny.yaml', '--results', provider, '--set', `inference.provider=${provider}`];
  return runCommand([...words, '--json'], { home: join(folder(), 'home'), cwd: folder() });
}

describe.skipIf(missing !== undefined)(`a run on WebGPU (${missing ?? 'on the driver at hand'})`, () => {
  beforeAll(async () => {
    await writeTinyRecord(folder(), [ROI]);
    await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
  });

  it('gives the masks of the CPU except for near ties, under its own cache key, and names the adapter', async () => {
    for (const provider of ['cpu', 'webgpu']) {
      const { status, stdout, stderr } = await run(provider);
      expect(status, stderr + stdout).toBe(0);
      // Nothing comes from the cache of the other provider.
      expect(JSON.parse(stdout).tasks.he.rois).toMatchObject({ total: 1, computed: 1, cached: 0 });
    }
    const [onCpu, onGpu] = [await decodeLabels(mask('cpu')), await decodeLabels(mask('webgpu'))];
    const differing = onCpu.data.filter((label, at) => label !== onGpu.data[at]).length;
    expect(differing).toBeLessThanOrEqual(NEAR_TIES * onCpu.data.length);

    const { engine } = JSON.parse(await readFile(join(folder(), 'webgpu', 'verdict', 'he.json'), 'utf8'));
    expect(engine).toMatchObject({ provider: 'webgpu', adapter: expect.stringMatching(/\w/) });
    const machines = (await readEnvironments(join(folder(), 'webgpu'))).map((machine) => Environment.parse(machine));
    const adapters = machines.filter(({ role }) => role === 'inference').map(({ adapter }) => adapter);
    expect([...new Set(adapters)]).toEqual([engine.adapter]);
  });
});
