import { describe, expect, it } from 'vitest';
import { archivesOf, detectorFile, folderOf, HE_MODEL_FOLDER, readersFile } from '../../../toolkit/dataset/layout.ts';

describe('layout of the record', () => {
  it('has the folders of the published data', () => {
    expect(folderOf('images', 'he')).toBe('images/he');
    expect(folderOf('inference', 'nuclei')).toBe('inference/pdl1/nuclei');
    expect(HE_MODEL_FOLDER).toMatch(/^models\/he\/nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__/);
    expect(detectorFile('pdl1')).toBe('models/pdl1/pdl1/pdl1_detection_weights.pt');
    expect(readersFile('nuclei')).toBe('annotations/pdl1/nuclei/nuclei_test_set_all_readers.json');
  });

  it('asks for the archives of the tasks at hand', () => {
    const { archives, files } = archivesOf(['he']);
    expect(archives.map(({ key, root }) => `${key} ${root}`)).toEqual([
      'images.zip images',
      'annotations.zip annotations',
      'models.zip models',
      'inference.zip inference',
      'figures.zip figures',
    ]);
    expect(files).toEqual(['data_overview.csv', 'he_label_map.json']);
    expect(archivesOf(['nuclei', 'pdl1']).files).toEqual(['data_overview.csv']);
    expect(archivesOf(['he', 'pdl1'], ['he']).archives).toHaveLength(5);
    expect(archivesOf(['he', 'pdl1'], ['pdl1', 'he']).archives.map(({ root }) => root)).not.toContain('models');
    expect(archivesOf([])).toEqual({ archives: [], files: [] });
  });
});
