import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { ModelSummary } from '../../toolkit/models/model-summary.ts';
import { runHere } from '../support/command-here.ts';
import { writeOwnSegmentation } from '../support/custom-onnx.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const SIDECAR = { kind: 'segmentation', output: { values: 'probabilities', layout: 'NHWC' }, labels: ['a', 'b', 'c'] };

beforeAll(async () => {
  await writeTinyRecord(folder());
  await writeOwnSegmentation(join(folder(), 'own.onnx'), SIDECAR, 'probabilities, NHWC out');
});

const run = (...words: string[]) =>
  runHere(
    [
      'run',
      '--set',
      'zenodo.serveFrom=served',
      '--set',
      'name=own',
      '--set',
      'record=42',
      '--tasks',
      'he',
      '--json',
    ].concat(['--data', 'data', '--results', 'results', '--set', 'inference.provider=cpu'], words),
    place(),
  );

describe('reignite run --set he.model', () => {
  it('runs a custom model instead of the published one, and predict gives the same mask', async () => {
    onTestFinished(await serveHome(place()));
    const { status, stdout, stderr } = await run('--set', 'he.model=own.onnx');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout).tasks.he.rois).toMatchObject({ total: 3, computed: 3, failed: 0 });
    const summary = ModelSummary.parse(JSON.parse(await readFile(join(folder(), 'results/models/he.json'), 'utf8')));
    expect(summary).toMatchObject({ kind: 'onnx', input: { name: 'pixels', shape: [1, 3, 32, 32] } });
    expect(summary.networks[0]).toMatchObject({ operators: { Conv: 1, Softmax: 1, Transpose: 1 }, parameters: 81 });

    const roi = 'patient1_he_roi1_with_context';
    const image = join('unpacked', 'images', 'he', `${roi}.png`);
    const words = ['predict', '--task', 'he', '--model', 'own.onnx', '--out', 'predicted', '--provider', 'cpu', image];
    expect((await runHere(words, place())).status).toBe(0);
    const ours = await decodeLabels(join(folder(), 'predicted', 'masks', `${roi}.png`));
    expect(ours).toEqual(await decodeLabels(join(folder(), 'results', 'inference', 'he', `${roi}.png`)));
    expect(new Set(ours.data).size).toBe(3);
  });

  it('refuses a model that does not exist, before anything starts', async () => {
    const { status, stdout } = await run('--set', 'he.model=nowhere');
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'CONFIG_INVALID',
      cause: expect.stringContaining('he.model'),
    });
  });
});
