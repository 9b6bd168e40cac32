import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readLabelTranslation } from '../../../toolkit/dataset/label-map.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it('refuses two names of one label', async () => {
  const path = join(await temporaryFolder(), 'labels.json');
  await writeFile(path, '{"Tumor cells": 2, "stroma": 4}');
  const translation = await readLabelTranslation(path);
  expect([translation[2], translation[3], translation[4]]).toEqual([2, undefined, 4]);
  await writeFile(path, '{"Tumor cells": 2, "Tumor epithelium": 3}');
  await expect(readLabelTranslation(path)).rejects.toMatchObject({
    code: 'LABEL_MAP_INVALID',
    message: `${path}: "Tumor cells" and "Tumor epithelium" name the same label.`,
  });
});
