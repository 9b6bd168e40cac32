import { describe, expect, it } from 'vitest';
import {
  detectorFile,
  folderOf,
  neededOfRecord,
  readersFile,
  rootOfArchive,
  tissueModelFolder,
} from '../../../toolkit/dataset/layout.ts';

describe('layout of the record', () => {
  it('has the folders of the published data', () => {
    expect(folderOf('images', 'he')).toBe('images/he');
    expect(folderOf('inference', 'nuclei')).toBe('inference/pdl1/nuclei');
    expect(tissueModelFolder('he')).toMatch(/^models\/he\/nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__/);
    expect(detectorFile('pdl1')).toBe('models/pdl1/pdl1/pdl1_detection_weights.pt');
    expect(readersFile('nuclei')).toBe('annotations/pdl1/nuclei/nuclei_test_set_all_readers.json');
  });

  it('asks for the archives of the chosen tasks', () => {
    const { folders, files } = neededOfRecord(['he']);
    expect(folders).toEqual(['images', 'annotations', 'models', 'inference', 'figures']);
    expect(files).toEqual(['data_overview.csv', 'he_label_map.json']);
    expect(neededOfRecord(['nuclei', 'pdl1']).files).toEqual(['data_overview.csv']);
    expect(neededOfRecord(['he', 'pdl1'], ['he']).folders).toHaveLength(5);
    expect(neededOfRecord(['he', 'pdl1'], ['pdl1', 'he']).folders).not.toContain('models');
    expect(neededOfRecord([])).toEqual({ folders: [], files: [] });
  });

  it('identifies the folder of an archive by its contents before its name', () => {
    expect(rootOfArchive({ key: 'images.zip' })).toBe('images');
    expect(rootOfArchive({ key: 'part-1.zip' })).toBeUndefined();
    expect(rootOfArchive({ key: 'part-1.zip', root: 'models' })).toBe('models');
  });
});
