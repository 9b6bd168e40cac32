import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readOverview } from '../../../toolkit/dataset/overview.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const FIXTURE = 'tests/fixtures/dataset/data_overview.csv';

async function overviewOf(content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), 'data_overview.csv');
  await writeFile(path, content);
  return path;
}

describe('readOverview', () => {
  it('reads rows with quoted values and keeps every column as text', async () => {
    const rows = await readOverview(FIXTURE);
    expect(rows).toHaveLength(14);
    expect(rows[0]).toMatchObject({
      line: 2,
      imagePath: '../../data/images/he/he_roi_1.png',
      annotationPath: '../../data/annotations/he/he_roi_1.png',
      task: 'he_tissue_segmentation',
      split: 'test',
    });
    expect(rows[0]?.facts).toMatchObject({ patient_id: 'patient_101', shape: '(230, 309)', area_mm2: '0.0178' });
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 14 }, (_, k) => k + 2));
  });

  it('reads gzip, and ignores a byte order mark', async () => {
    const plain = await readFile(FIXTURE);
    const expected = await readOverview(FIXTURE);
    expect(await readOverview(await overviewOf(gzipSync(plain)))).toEqual(expected);
    expect(await readOverview(await overviewOf(Buffer.concat([Buffer.from('\ufeff'), plain])))).toEqual(expected);
  });

  it.each([';', '\t'])('reads columns separated by %j, as spreadsheets save them', async (delimiter) => {
    const lines = ['name,image_path,annotation_path,task,split', '"a,b",i.png,a.png,t,test'];
    const [header = '', row = ''] = lines.map((line) => line.replace('"a,b"', 'A').replaceAll(',', delimiter));
    const path = await overviewOf(`\ufeff${header}\r\n${row.replace('A', '"a,b"')}\r\n`);
    expect(await readOverview(path)).toMatchObject([{ imagePath: 'i.png', split: 'test', facts: { name: 'a,b' } }]);
  });

  it('lists the present columns if one is missing', async () => {
    const path = await overviewOf('image_path,annotation_path,task,subset\n');
    await expect(readOverview(path)).rejects.toMatchObject({
      message: expect.stringContaining('has the columns "image_path", "annotation_path", "task", "subset"'),
      remedy: expect.stringContaining('Name the columns image_path, annotation_path, task, split'),
    });
  });

  it('finds columns by name in any order, among others', async () => {
    const path = await overviewOf('split,more,image_path,task,annotation_path\r\ntest,x,i.png,t,a.png\r\n\r\n');
    expect(await readOverview(path)).toEqual([
      {
        line: 2,
        imagePath: 'i.png',
        annotationPath: 'a.png',
        task: 't',
        split: 'test',
        facts: { split: 'test', more: 'x', image_path: 'i.png', task: 't', annotation_path: 'a.png' },
      },
    ]);
  });

  it.each([
    ['an empty file', '', 'has no column "image_path"'],
    ['a missing column', 'image_path,task,split\na,b,c\n', 'has no column "annotation_path"'],
    ['a column twice', 'image_path,annotation_path,task,split,task\na,b,c,d,e\n', 'the column "task" twice'],
    ['a short row', 'image_path,annotation_path,task,split\na,b,c\n', 'line 2'],
    ['an open quote', 'image_path,annotation_path,task,split\n"a,b,c,d\n', 'Quote'],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]), 'is not UTF-8 text'],
    ['half a gzip', gzipSync('image_path').subarray(0, 15), 'cannot be unpacked'],
  ])('refuses %s', async (_, content, message) => {
    const path = await overviewOf(content);
    await expect(readOverview(path)).rejects.toMatchObject({ code: 'OVERVIEW_INVALID' });
    await expect(readOverview(path)).rejects.toThrow(message);
    await expect(readOverview(path)).rejects.toThrow(path);
  });

  it('says which file is missing', async () => {
    await expect(readOverview('/nowhere/data_overview.csv')).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: 'File not found: /nowhere/data_overview.csv.',
    });
  });
});
