import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRoiFiles, listHeTestRois, resolveInData, rowsNearlyTested } from '../../../toolkit/dataset/test-rois.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const FIXTURE = 'tests/fixtures/dataset';

/** A data root whose overview has these pairs of paths in its H&E test set. */
async function rootWith(...pairs: readonly (readonly [image: string, annotation: string])[]): Promise<string> {
  const root = await temporaryFolder();
  const rows = pairs.map(([image, annotation]) => `${image},${annotation},he_tissue_segmentation,test`);
  await writeFile(join(root, 'data_overview.csv'), ['image_path,annotation_path,task,split', ...rows].join('\n'));
  return root;
}

function roiNamed(stem: string): readonly [string, string] {
  return [`../../data/images/he/${stem}.png`, `../../data/annotations/he/${stem}.png`];
}

describe('listHeTestRois', () => {
  it("lists the test set of the overview in the authors' order", async () => {
    const rois = await listHeTestRois(FIXTURE);
    expect(rois.map(({ roi }) => roi)).toEqual([
      'Tall_roi_4_with_context',
      'he_roi_10_with_context',
      'he_roi_1_with_context',
      'he_roi_2_with_context',
      'he_roi_3_with_context',
    ]);
    expect(rois[2]).toMatchObject({
      image: 'images/he/he_roi_1_with_context.png',
      annotation: 'annotations/he/he_roi_1_with_context.png',
      facts: { patient_id: 'patient_101', source: 'TCGA' },
    });
  });

  it('sorts by code point after the replacement, beyond 16 bits too', async () => {
    const root = await rootWith(...['\u{1f52c}', '\uff5a', 'a', 'a1', 'B', 'a_b'].map(roiNamed));
    const stems = (await listHeTestRois(root)).map(({ roi }) => roi.replace('_with_context', ''));
    // Python: sorted(p + '_with_context.png' for p in ...); "a1" < "a_b" < "a" + "_with..." is decided by code points.
    expect(stems).toEqual(['B', 'a1', 'a_b', 'a', '\uff5a', '\u{1f52c}']);
  });

  it('replaces every ".png", as pandas does', async () => {
    const [roi] = await listHeTestRois(await rootWith(roiNamed('a.png')));
    expect(roi?.image).toBe('images/he/a_with_context.png_with_context.png');
  });

  it.each([
    ['no rows', [], 'It has no rows'],
    [
      'another case',
      [['he_tissue_segmentation', 'Test']],
      'split holds "Test" (1)',
      'Change "Test" in split to "test"',
    ],
    ['a blank', [['he_tissue_segmentation', 'test ']], '"test " (1)', 'Change "test " in split'],
    ['another split', [['he_tissue_segmentation', 'train']], 'split holds "train" (1)', 'leave the task out'],
    [
      'the test set of another task',
      [
        ['nuclei', 'test'],
        ['he_tissue_segmentation', 'TEST'],
      ],
      'task holds "nuclei" (1), "he_tissue_segmentation" (1); split holds "test" (1), "TEST" (1)',
      'Change "TEST" in split to "test"',
    ],
    ['another task', [['HE_tissue_segmentation', 'test']], 'task holds', 'Change "HE_tissue_segmentation" in task'],
  ])('refuses an overview with %s, and names what it holds', async (_, pairs, message, remedy = '') => {
    const root = await temporaryFolder();
    const rows = pairs.map(([task, split]) => `images/he/a.png,annotations/he/a.png,${task},${split}`);
    await writeFile(join(root, 'data_overview.csv'), ['image_path,annotation_path,task,split', ...rows].join('\n'));
    await expect(listHeTestRois(root)).rejects.toMatchObject({
      code: 'OVERVIEW_INVALID',
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('reports rows that were probably meant for the test set', () => {
    const row = (line: number, task: string, split: string) => ({
      ...{ line, task, split },
      ...{ imagePath: '', annotationPath: '', facts: {} },
    });
    const mark = 'he_tissue_segmentation';
    const rows = [row(2, mark, 'test'), row(3, mark, 'Test'), row(4, mark, 'train'), row(5, `${mark} `, 'test')];
    expect(rowsNearlyTested(rows)).toEqual([
      `WARNING: 2 rows of the overview are not scored because of "Test", "${mark} " instead of "${mark}" and "test": line 3, 5.`,
    ]);
    expect(rowsNearlyTested(rows.slice(0, 1))).toEqual([]);
  });

  it.each([
    ['ROI_WITHOUT_PAIR', 'roi_2_with_context', [['images/he/roi_1.png', 'annotations/he/roi_2.png']]],
    ['OVERVIEW_INVALID', 'roi_1_with_context occurs twice', [roiNamed('roi_1'), roiNamed('roi_1')]],
    [
      'OVERVIEW_INVALID',
      'line 2: "images/he/roi_1.tif" is not a PNG',
      [['images/he/roi_1.tif', 'images/he/roi_1.tif']],
    ],
    ['PATH_TRAVERSAL', 'data/../../roi_1', [['data/../../roi_1.png', 'annotations/he/roi_1.png']]],
    ['OVERVIEW_INVALID', 'elsewhere/', [['elsewhere/roi_1.png', 'annotations/he/roi_1.png']]],
  ] as const)('refuses with %s: %s', async (code, message, pairs) => {
    const root = await rootWith(...pairs);
    await expect(listHeTestRois(root)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('resolveInData', () => {
  it.each([
    ['../../data/images/he/a.png', 'images/he/a.png'],
    ['data/annotations/he/a.png', 'annotations/he/a.png'],
    ['images/he/a.png', 'images/he/a.png'],
    ['./annotations//he/./a.png', 'annotations/he/a.png'],
    ['/home/me/data/old/data/images/he/a.png', 'images/he/a.png'],
    ['/srv/images/data/images/he/a.png', 'images/he/a.png'],
    ['../data/extra/a.png', 'extra/a.png'],
  ])('takes %s for %s', (path, resolved) => {
    expect(resolveInData(path)).toBe(resolved);
  });

  it.each(['data/..', 'data/../x.png', 'images/../../x.png', 'images/he\\..\\x.png', 'images/he/a\0.png'])(
    'refuses %j, which leaves the data folder',
    (path) => {
      expect(() => resolveInData(path)).toThrow(expect.objectContaining({ code: 'PATH_TRAVERSAL' }));
    },
  );
});

describe('checkRoiFiles', () => {
  it('requires the necessary kinds of files, and names the first that is missing', async () => {
    const root = await rootWith(roiNamed('a'), roiNamed('b'));
    const rois = await listHeTestRois(root);
    for (const { annotation } of rois) {
      await mkdir(dirname(join(root, annotation)), { recursive: true });
      await writeFile(join(root, annotation), '');
    }
    await expect(checkRoiFiles(root, rois, ['annotation'])).resolves.toBeUndefined();
    await expect(checkRoiFiles(root, rois, ['image', 'annotation'])).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `File not found: ${join(root, 'images/he/a_with_context.png')}, and 1 more of the test set.`,
    });
  });
});
