import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Task } from '../../../config/tasks.ts';
import { detectorFile, folderOf, readersFile } from '../../../toolkit/dataset/layout.ts';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { checkRecord, folderTree, type RecordTree } from '../../../toolkit/preflight/check-record.ts';
import { taskNamed } from '../../../toolkit/tasks/task-named.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
let sound: Promise<string> | undefined;

/** What is found about the tiny record after a change, other than what is as expected of it. */
async function findingsOf(
  tasks: readonly Task[],
  change: (data: string) => Promise<void>,
  seen = (tree: RecordTree) => tree,
) {
  sound ??= writeTinyRecord(folder()).then(({ unpacked }) => unpacked);
  const data = await temporaryFolder();
  await cp(await sound, data, { recursive: true });
  const labels = HE_LABELS.map(({ name }, value) => [name, value] as const);
  await writeFile(join(data, 'he_label_map.json'), JSON.stringify(Object.fromEntries(labels)));
  await change(data);
  const found = await checkRecord(seen(await folderTree(data)), { tasks: tasks.map(taskNamed) });
  const doubts = found.checks.filter(({ status }) => status === 'fail' || status === 'warn');
  return { ...found, doubts: doubts.filter(({ subject }) => !subject.includes('published predictions')), all: doubts };
}

const ROI = 'patient1_he_roi1_with_context.png';

describe('what a run would stumble over', () => {
  it('is nothing in a sound record', async () => {
    expect((await findingsOf(['he', 'nuclei', 'pdl1'], async () => undefined)).doubts).toEqual([]);
  });

  it('is a mask of another size than its image', async () => {
    const { doubts } = await findingsOf(['he'], async (data) => {
      const path = join(data, 'annotations', 'he', ROI);
      const mask = await sharp(path).resize(30, 20, { kernel: 'nearest' }).toColourspace('b-w').png().toBuffer();
      await writeFile(path, mask);
    });
    const detail = `${ROI} is 30 x 20 px, its image 90 x 70 px`;
    expect(doubts).toMatchObject([{ subject: 'H&E annotations, sizes', status: 'fail', detail }]);
  });

  it('is a file whose name differs in capital letters', async () => {
    const { doubts } = await findingsOf(['he'], async (data) => {
      const path = join(data, 'images', 'he', ROI);
      await rename(path, path.replace('.png', '.PNG'));
    });
    expect(doubts).toMatchObject([
      {
        detail: expect.stringMatching(/^1 of 3 images of the test set are missing: .*; the record has .*context\.PNG$/),
      },
    ]);
  });

  it('is a label map that gives a tissue another value', async () => {
    const { doubts } = await findingsOf(['he'], (data) =>
      writeFile(join(data, 'he_label_map.json'), JSON.stringify({ Stroma: 5, Inflammation: 4, Background: 1 })),
    );
    expect(doubts).toMatchObject([
      {
        subject: 'he_label_map.json',
        detail: `"Inflammation" is 4, in the authors' evaluation 5, "Stroma" is 5, in the authors' evaluation 4`,
      },
    ]);
  });

  it('is a web page in the place of a detector, and points without a class', async () => {
    const { all } = await findingsOf(['nuclei'], async (data) => {
      await writeFile(join(data, detectorFile('nuclei')), '<html>not found</html>');
      const points = join(data, folderOf('inference', 'nuclei'), 'nuclei_roi_1.npy');
      await writeNpy(points, { dtype: 'float32', shape: [1, 2], data: Float32Array.from([1, 2]) });
    });
    expect(all.filter(({ status }) => status === 'fail' || status === 'warn')).toMatchObject([
      { status: 'warn', detail: expect.stringContaining('1 of 2 points files are missing') },
      { status: 'warn', detail: expect.stringContaining('has the shape (1, 2); points are n x 3.') },
      { status: 'fail', detail: `${detectorFile('nuclei')} is an HTML page, not a PyTorch checkpoint` },
    ]);
  });
});

describe("a readers' file that is too large to fetch", () => {
  /** A tree that brings the beginning of the readers' file alone. */
  const withLargeReaders = (tree: RecordTree): RecordTree => ({
    ...tree,
    local: async (path) => (path.endsWith('.json') ? undefined : tree.local(path)),
  });

  async function rewriteReaders(data: string, change: (coco: Record<string, unknown>) => object): Promise<void> {
    const path = join(data, readersFile('nuclei'));
    await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
  }

  it('has its images counted in the overview where it does not begin with them', async () => {
    const rows = [1, 2].map(
      (k) => `cells,images/pdl1/nuclei/nuclei_roi_${k}.png,annotations/pdl1/nuclei/nuclei_roi_${k}.png,test,1`,
    );
    const { tasks, checks } = await findingsOf(
      ['nuclei'],
      async (data) => {
        await rewriteReaders(data, ({ images, ...rest }) => ({ padding: 'x'.repeat(2e5), ...rest, images }));
        const overview = join(data, 'data_overview.csv');
        const others = rows.map((row) => row.replace('test', 'train').replace('.png', 'b.png'));
        await writeFile(overview, `${await readFile(overview, 'utf8')}${[...rows, ...others, ''].join('\n')}`);
      },
      withLargeReaders,
    );
    expect(tasks).toMatchObject([{ task: 'nuclei', rois: 2 }]);
    expect(checks[0]).toMatchObject({
      status: 'unknown',
      detail: expect.stringMatching(/^2 images in the overview; /),
    });
  });

  it('is refused where an image in it is not as expected', async () => {
    const { doubts } = await findingsOf(
      ['nuclei'],
      (data) => rewriteReaders(data, ({ images, ...rest }) => ({ images: [{ id: 0, file_name: 'a/b.png' }], ...rest })),
      withLargeReaders,
    );
    expect(doubts).toMatchObject([
      { status: 'fail', detail: expect.stringContaining('images.0.file_name: Expected a file name without a folder') },
    ]);
  });
});
