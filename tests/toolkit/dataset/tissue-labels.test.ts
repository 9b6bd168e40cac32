import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HE_LABELS, readLabelMap, readLabelTranslation, TIL_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { heOracle } from '../metrics/he-oracle.ts';

describe('HE_LABELS', () => {
  it('are at the index of their value', () => {
    expect(HE_LABELS.map(({ value }) => value)).toEqual(HE_LABELS.map((_, index) => index));
    expect(TIL_LABELS.map(({ value }) => value)).toEqual(TIL_LABELS.map((_, index) => index));
  });

  it('have the names, colours and TIL groups of the authors', () => {
    expect(Object.fromEntries(HE_LABELS.map(({ name, value }) => [name, value]))).toEqual(heOracle.labels);
    expect(Object.fromEntries(HE_LABELS.map(({ value, til }) => [value, til]))).toEqual(heOracle.groups);
    expect(Object.fromEntries(HE_LABELS.map(({ value, colour }) => [value, [...colour, 255]]))).toEqual(
      heOracle.colours,
    );
  });

  it('have the names and bar colours of the TIL use case', () => {
    expect(Object.fromEntries(TIL_LABELS.map(({ name, value }) => [name, value]))).toEqual(heOracle.tilLabels);
    for (const { name, colour } of TIL_LABELS.slice(2)) {
      expect(heOracle.barColours[name]?.map((channel) => Math.round(channel * 255))).toEqual([...colour]);
    }
  });
});

describe('readLabelMap', () => {
  it('gives the 17 labels in the order of their values', async () => {
    const labels = await readLabelMap('tests/fixtures/dataset/he_label_map.json');
    expect(labels.map(({ value }) => value)).toEqual(Array.from({ length: 17 }, (_, k) => k));
    expect(labels[2]?.name).toBe('Tumor epithelium');
  });

  it('allows values above 255 only if asked to', async () => {
    const path = join(await temporaryFolder(), 'labels.json');
    await writeFile(path, '{"cell": 300}');
    expect(await readLabelMap(path, 65_535)).toEqual([{ name: 'cell', value: 300 }]);
    await writeFile(path, '{"cell": 65536}');
    await expect(readLabelMap(path, 65_535)).rejects.toMatchObject({ code: 'LABEL_MAP_INVALID' });
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
