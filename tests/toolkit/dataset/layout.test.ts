import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  detectorFile,
  detectorFileIn,
  folderOf,
  neededOfRecord,
  overviewFileIn,
  readersFile,
  readersFileIn,
  rootOfArchive,
  tissueModelFolder,
} from '../../../toolkit/dataset/layout.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

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

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const data = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(data, path)), { recursive: true });
    await writeFile(join(data, path), text);
  }
  return data;
}

const READERS = '{"categories": [{"id": 0, "supercategory": "reader R1"}]}';
const TRAINING = '{"categories": [{"id": 0, "supercategory": "none", "name": "nucleus"}]}';
const OVERVIEW = 'image_path,annotation_path,task,split\n';

describe('files of a record under other names', () => {
  it('prefers the usual names', async () => {
    const folder = 'annotations/pdl1/nuclei';
    const data = await folderWith({
      'data_overview.csv': OVERVIEW,
      'other.csv': OVERVIEW,
      [`${folder}/nuclei_test_set_all_readers.json`]: '{}',
      [`${folder}/others.json`]: READERS,
      'models/pdl1/nuclei/nuclei_detection_weights.pt': '',
      'models/pdl1/nuclei/other.pt': '',
    });
    expect(await overviewFileIn(data)).toBe(join(data, 'data_overview.csv'));
    expect(await readersFileIn(data, 'nuclei')).toBe(`${folder}/nuclei_test_set_all_readers.json`);
    expect(await detectorFileIn(data, 'nuclei')).toBe('models/pdl1/nuclei/nuclei_detection_weights.pt');
  });

  it('finds them by their contents', async () => {
    const data = await folderWith({
      'ignite_v2.csv': OVERVIEW,
      'patients.csv': 'patient_id,age\n',
      'annotations/pdl1/nuclei/a_training.json': TRAINING,
      'annotations/pdl1/nuclei/readers.v2.json': READERS,
      'models/pdl1/nuclei/best.pt': '',
      'models/pdl1/pdl1/best.pt': '',
    });
    expect(await overviewFileIn(data)).toBe(join(data, 'ignite_v2.csv'));
    expect(await readersFileIn(data, 'nuclei')).toBe('annotations/pdl1/nuclei/readers.v2.json');
    expect(await detectorFileIn(data, 'nuclei')).toBe('models/pdl1/nuclei/best.pt');
  });

  it('finds a compressed overview, and skips a damaged file', async () => {
    const data = await folderWith({});
    const compressed = gzipSync(OVERVIEW);
    await writeFile(join(data, 'ignite_v2.csv.gz'), compressed);
    await writeFile(join(data, 'damaged.csv.gz'), compressed.subarray(0, 12));
    expect(await overviewFileIn(data)).toBe(join(data, 'ignite_v2.csv.gz'));
  });

  it('finds a detector in another folder by the name of its task', async () => {
    const data = await folderWith({ 'models/weights/Nuclei.pt': '', 'models/weights/pdl1.pt': '' });
    expect(await detectorFileIn(data, 'nuclei')).toBe('models/weights/Nuclei.pt');
  });

  it('does not choose among several candidates', async () => {
    const data = await folderWith({
      'a.csv': OVERVIEW,
      'b.csv': OVERVIEW,
      'annotations/pdl1/nuclei/a.json': READERS,
      'annotations/pdl1/nuclei/b.json': READERS,
      'models/pdl1/nuclei/a.pt': '',
      'models/pdl1/nuclei/b.pt': '',
    });
    expect(await overviewFileIn(data)).toBe(join(data, 'data_overview.csv'));
    expect(await readersFileIn(data, 'nuclei')).toBe('annotations/pdl1/nuclei/nuclei_test_set_all_readers.json');
    expect(await detectorFileIn(data, 'nuclei')).toBe('models/pdl1/nuclei/nuclei_detection_weights.pt');
  });
});
