import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { detectorFile, folderOf, readersFile, tissueModelFolder } from '../../toolkit/dataset/layout.ts';
import { serveRecord } from '../../toolkit/zenodo/serve-record.ts';
import { runHere } from '../support/command-here.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

/** Runs `plan --json` on a record that `spoil` has changed, served as Zenodo would. */
async function planOf(spoil: (unpacked: string) => Promise<void>, rearrange?: (served: string) => Promise<void>) {
  const folder = await temporaryFolder();
  const { served } = await writeTinyRecord(folder, undefined, spoil);
  await rearrange?.(served);
  const server = await serveRecord({ folder: served, record: 7 });
  try {
    const profile = `name: odd\nrecord: "7"\nzenodo: { api: "${server.api}" }\n`;
    await writeFile(join(folder, 'odd.yaml'), profile);
    const words = ['plan', '--profile', 'odd.yaml', '--data', 'data', '--json'];
    const { status, stdout, stderr } = await runHere(words, { cwd: folder, home: join(folder, 'home') });
    expect(status, stderr).toBe(0);
    const { record, tasks } = JSON.parse(stdout);
    expect(record.bytes).toBeLessThan(1e6);
    const faults = record.checks.filter((check: { status: string }) => check.status === 'fail');
    return { record, tasks, faults };
  } finally {
    await server.close();
  }
}

describe('reignite plan, before anything large is fetched', () => {
  it('counts the ROIs and checks every assumption about a correct record', async () => {
    const { record, tasks, faults } = await planOf(async () => undefined);
    expect(faults).toEqual([]);
    expect(record.tasks).toMatchObject([
      { task: 'he', rois: 3, predicted: 0 },
      { task: 'nuclei', rois: expect.any(Number) },
      { task: 'pdl1', rois: expect.any(Number) },
    ]);
    expect(tasks[0].expected).toMatchObject({ rois: 3, tiles: expect.any(Number) });
    expect(record.archives.map(({ key, kind }: { key: string; kind: string }) => [key, kind])).toEqual(
      ['annotations', 'figures', 'images', 'inference', 'models'].map((kind) => [`${kind}.zip`, kind]),
    );
  });

  it('names a wrong column', async () => {
    const { faults } = await planOf(async (unpacked) => {
      const path = join(unpacked, 'data_overview.csv');
      await writeFile(path, (await readFile(path, 'utf8')).replace('split', 'subset'));
    });
    expect(faults).toMatchObject([
      { subject: 'data_overview.csv', detail: expect.stringMatching(/: data_overview\.csv has no column "split"/) },
    ]);
  });

  it('names a missing fold', async () => {
    const { faults } = await planOf((unpacked) =>
      rm(join(unpacked, tissueModelFolder('he'), 'fold_3'), { recursive: true }),
    );
    expect(faults).toMatchObject([
      {
        subject: 'H&E model, folds',
        detail: expect.stringContaining('fold_3/model_best.model'),
        remedy: expect.stringContaining('five folds'),
      },
    ]);
  });

  it('names an archive that lacks a folder', async () => {
    const { faults } = await planOf((unpacked) => rm(join(unpacked, 'images', 'he'), { recursive: true }));
    expect(faults).toMatchObject([
      {
        subject: 'H&E images',
        detail: expect.stringMatching(/^3 of 3 images of the test set are missing: images\/he/),
      },
    ]);
  });

  it('names a mask of 16 bits', async () => {
    const { faults } = await planOf(async (unpacked) => {
      const folder = join(unpacked, 'annotations', 'he');
      const [name = ''] = (await readdir(folder)).filter((each) => each.endsWith('_with_context.png'));
      const mask = await sharp(join(folder, name)).toColourspace('grey16').png().toBuffer();
      await writeFile(join(folder, name), mask);
    });
    expect(faults).toMatchObject([
      { subject: 'H&E annotations, headers', detail: expect.stringContaining('is 16-bit grey') },
    ]);
  });

  it('finds overview, readers and models by their contents, and says which files it uses', async () => {
    const readers = join('annotations', folderOf('images', 'nuclei').slice('images/'.length));
    const { record, faults } = await planOf(async (unpacked) => {
      const move = (from: string, to: string) => rename(join(unpacked, from), join(unpacked, to));
      await move('data_overview.csv', 'ignite_v2.csv');
      await move(readersFile('nuclei'), join(readers, 'all_readers_v2.json'));
      await move(detectorFile('pdl1'), join('models', 'pdl1', 'pdl1', 'best.pt'));
      for (let fold = 0; fold < 5; fold++) {
        const folder = join(tissueModelFolder('he'), `fold_${fold}`);
        await move(folder, join(tissueModelFolder('he'), `Fold${fold + 1}`));
      }
      await move(tissueModelFolder('he'), join('models', 'he', 'ignite_unet'));
    });
    expect(faults).toEqual([]);
    expect(record.tasks[1]).toMatchObject({ task: 'nuclei', rois: expect.any(Number) });
    const chosen = record.checks.flatMap((check: { chosen?: string }) => check.chosen ?? []);
    expect(chosen).toEqual([
      'ignite_v2.csv',
      'models/he/ignite_unet',
      'annotations/pdl1/nuclei/all_readers_v2.json',
      'models/pdl1/pdl1/best.pt',
    ]);
  });

  it('recognises renamed archives by their contents', async () => {
    const { record, faults } = await planOf(
      async () => undefined,
      async (served) => {
        await rename(join(served, 'images.zip'), join(served, 'part_1_of_2.zip'));
        await rename(join(served, 'models.zip'), join(served, 'weights-v2.zip'));
      },
    );
    expect(faults).toEqual([]);
    expect(record.archives).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: 'part_1_of_2.zip', kind: 'images' }),
        expect.objectContaining({ key: 'weights-v2.zip', kind: 'models' }),
      ]),
    );
  });
});
