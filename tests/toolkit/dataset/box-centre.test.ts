import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();

it('offsets every box by that of the first box, or by its own', async () => {
  const path = join(folder(), 'readers.json');
  const annotation = (id: number, bbox: number[]) => ({ id, image_id: 0, category_id: 1, bbox });
  const file = {
    images: [{ id: 0, file_name: 'a.png', annotated_xyxy: [0, 0, 100, 100] }],
    annotations: [annotation(0, [10, 20, 8, 8]), annotation(1, [50, 60, 21, 11])],
    categories: [{ id: 1, supercategory: 'reader R1' }],
  };
  await writeFile(path, JSON.stringify(file));
  const pointsWith = async (centre: 'first' | 'own') =>
    (await readReaderAnnotations(path, 'nuclei', centre)).points.get('reader R1')?.get(0);
  expect(await pointsWith('first')).toEqual([
    { x: 14, y: 24, class: 0 },
    { x: 54, y: 64, class: 0 },
  ]);
  expect(await pointsWith('own')).toEqual([
    { x: 14, y: 24, class: 0 },
    { x: 60.5, y: 65.5, class: 0 },
  ]);
});
