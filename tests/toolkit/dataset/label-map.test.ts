import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLabelMap } from '../../../toolkit/dataset/label-map.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('readLabelMap', () => {
  it('gives the 17 labels in the order of their values', async () => {
    const labels = await readLabelMap('tests/fixtures/dataset/he_label_map.json');
    expect(labels.map(({ value }) => value)).toEqual(Array.from({ length: 17 }, (_, k) => k));
    expect(labels[2]?.name).toBe('Tumor epithelium');
  });

  it.each([
    ['not JSON', 'Stroma: 4', 'is not JSON'],
    ['a list', '["Stroma"]', 'the map'],
    ['no label', '{}', 'expected at least one label'],
    ['a value beyond a byte', '{"Stroma": 256}', 'label "Stroma"'],
    ['a name that is lost in objects', '{"__proto__": 2, "Stroma": 4}', 'the name "__proto__", which is not allowed'],
    ['the same name with escapes', '{"\\u005f_proto__": 2, "Stroma": 4}', 'the name "__proto__"'],
    ['a fraction', '{"Stroma": 4.5}', 'label "Stroma"'],
    ['a name twice', '{"Stroma": 4, "Str\\u006fma": 5}', '"Stroma" occurs twice'],
    ['a value twice', '{"Stroma": 4, "Tumor": 4}', '"Stroma" and "Tumor" both have the value 4'],
  ])('refuses %s', async (_, text, message) => {
    const path = join(await temporaryFolder(), 'he_label_map.json');
    await writeFile(path, text);
    await expect(readLabelMap(path)).rejects.toMatchObject({
      code: 'LABEL_MAP_INVALID',
      message: expect.stringContaining(message),
      // The file may be the user's own, which cannot be downloaded.
      remedy: expect.stringContaining('Correct the file: a JSON object of names'),
    });
  });
});
