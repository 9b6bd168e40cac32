import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { comparedText, readProvenance, verdictText } from '../../../toolkit/dataset/provenance.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const SAMPLE = fileURLToPath(new URL('../../../data/sample', import.meta.url));
const HEADER = 'image_path,annotation_path,task,split,scanner,source';

async function folderWith(overview: string): Promise<string> {
  const data = await temporaryFolder();
  await writeFile(join(data, 'data_overview.csv'), overview);
  return data;
}

describe('readProvenance', () => {
  it.each(['1', '15674785', '17735903', '42'])('knows the sample under the number %s', async (id) => {
    const data = await temporaryFolder();
    await cp(join(SAMPLE, 'data_overview.csv'), join(data, 'data_overview.csv'));
    expect(await readProvenance(data, { id })).toEqual({ kind: 'synthetic' });
  });

  it('counts a record as synthetic if one image is', async () => {
    const data = await folderWith(`${HEADER}\na.png,a.png,t,test,P1000,rumc\nb.png,b.png,t,test, Synthetic ,rumc\n`);
    expect((await readProvenance(data, { id: '15674785' })).kind).toBe('synthetic');
  });

  it('only checks the scanner: the name of a source may contain "synthetic"', async () => {
    const data = await folderWith(`${HEADER}\na.png,a.png,t,test,P1000,synthetic\n`);
    expect((await readProvenance(data, { id: '15674785' })).kind).toBe('paper');
  });

  it.each([
    [{ id: '15674785' }, 'paper'],
    [{ id: '17735903' }, 'paper'],
    [{ id: '20000000', concept: '15674784' }, 'paper'],
    [{ id: '42' }, 'other'],
    [{ id: '15674785', concept: '9' }, 'paper'],
    [{ id: '156747850' }, 'other'],
  ] as const)('goes by the numbers %o otherwise: %s', async (record, kind) => {
    expect((await readProvenance(await temporaryFolder(), record)).kind).toBe(kind);
  });
});

it('a verdict on synthetic data always contains that word', () => {
  expect(verdictText('synthetic', 'reproduced')).toBe('reproduced (synthetic)');
  expect(verdictText('paper', 'differs')).toBe('differs');
});

it('names what was compared, and the paper only if it was', () => {
  expect(comparedText({ kind: 'paper' }, '15674785')).toBe('Zenodo record 15674785');
  expect(comparedText({ kind: 'other', title: 'Mine' }, '42')).toBe('record 42 ("Mine")');
  expect(comparedText({ kind: 'synthetic' }, '15674785')).toContain('this says nothing about the paper');
});
