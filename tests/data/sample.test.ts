import { copyFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { unpackArchive } from '../../toolkit/archive/unpack-archive.ts';
import { neededOfRecord, tissueModelFolder } from '../../toolkit/dataset/layout.ts';
import { readOverview } from '../../toolkit/dataset/overview.ts';
import { checkRoiFiles, listHeTestRois } from '../../toolkit/dataset/test-rois.ts';
import { HE_LABELS, readLabelMap } from '../../toolkit/dataset/tissue-labels.ts';
import { readMaskPair } from '../../toolkit/image/decode-labels.ts';
import { evaluateHe, heMetrics, type RoiMasks } from '../../toolkit/metrics/he-metrics.ts';
import { readPlansFile } from '../../toolkit/nnunet/v1/plans.ts';
import { readNpy } from '../../toolkit/numpy.ts';
import { openCheckpoint } from '../../toolkit/pytorch/containers/checkpoint.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const SAMPLE = fileURLToPath(new URL('../../data/sample/', import.meta.url));
const MAX_BYTES = 12e6;

const data = suiteFolder();

beforeAll(async () => {
  const { folders, files } = neededOfRecord(['he']);
  for (const root of folders) await unpackArchive({ archive: join(SAMPLE, `${root}.zip`), target: data(), root });
  for (const file of files) await copyFile(join(SAMPLE, file), join(data(), file));
});

async function readMasks(): Promise<readonly RoiMasks[]> {
  const rois = await listHeTestRois(data());
  return Promise.all(
    rois.map(({ roi, annotation }) =>
      readMaskPair(roi, join(data(), annotation), join(data(), 'inference/he', `${roi}.png`)),
    ),
  );
}

describe('the sample record', () => {
  it('is small enough for a repository', async () => {
    const sizes = await Promise.all((await readdir(SAMPLE)).map(async (name) => (await stat(join(SAMPLE, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_BYTES);
  });

  it('has the files of every row of its overview', async () => {
    const rois = await listHeTestRois(data());
    expect(rois.map(({ roi }) => roi)).toEqual([
      'patient1_he_roi1_with_context',
      'patient1_he_roi2_with_context',
      'patient2_he_roi1_with_context',
      'patient3_he_roi1_with_context',
    ]);
    await checkRoiFiles(data(), rois, ['image', 'annotation']);
    for (const { imagePath, annotationPath } of await readOverview(join(data(), 'data_overview.csv'))) {
      for (const path of [imagePath, annotationPath]) {
        await expect(stat(join(data(), path.replace('../../data/', ''))), path).resolves.toBeDefined();
      }
    }
  });

  it('names the labels like the record', async () => {
    const labels = await readLabelMap(join(data(), 'he_label_map.json'));
    expect(labels).toHaveLength(HE_LABELS.length);
  });

  it('covers padding, a single tile, several tiles and a step that rounds half to even', async () => {
    const sizes = (await readMasks()).map(({ width, height }) => [width, height]);
    expect(sizes).toEqual([
      [700, 600],
      [1100, 769],
      [512, 900],
      [560, 480],
    ]);
  });

  it('has at least eight tissues, unannotated context, and one value that is not a label', async () => {
    const masks = await readMasks();
    const values = new Set(masks.flatMap(({ truth }) => [...new Set(truth)]));
    expect(values).toContain(0);
    expect([...values].filter((value) => value >= 1 && value <= 16).length).toBeGreaterThanOrEqual(8);
    const stray = masks.filter(({ truth }) => truth.includes(255)).map(({ roi }) => roi);
    expect(stray).toEqual(['patient2_he_roi1_with_context']);
  });

  it('publishes the confusion matrix of its masks, which are good but not perfect', async () => {
    const { total } = await evaluateHe(await readMasks());
    const published = await readNpy(join(data(), 'figures/he/cm.npy'));
    expect(published).toMatchObject({ dtype: 'int64', shape: [17, 17] });
    const counts = Array.from({ length: 17 * 17 }, (_, at) => total.at(Math.floor(at / 17), at % 17));
    expect(Array.from(published.data, Number)).toEqual(counts);
    const { overall } = heMetrics(total).all;
    expect(overall).toBeGreaterThan(0.8);
    expect(overall).toBeLessThan(0.97);
  });

  it('has five folds in the formats of the original checkpoints', async () => {
    const folder = join(data(), tissueModelFolder('he'));
    const formats: string[] = [];
    for (const fold of [0, 1, 2, 3, 4]) {
      const path = join(folder, `fold_${fold}`, 'model_best.model');
      const checkpoint = await openCheckpoint(path);
      formats.push(checkpoint.format);
      expect(checkpoint.globals.map(({ name }) => name)).toContain('OrderedDict');
      await checkpoint.close();
      const plans = await readPlansFile(`${path}.pkl`);
      expect(plans).toMatchObject({ classes: 17, patch: [512, 512] });
    }
    expect(formats).toEqual(['zip', 'zip', 'stream', 'zip', 'zip']);
  });
});
