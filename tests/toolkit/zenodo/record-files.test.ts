import { describe, expect, it } from 'vitest';
import { underRoot, wrapperOf } from '../../../toolkit/archive/check-entries.ts';
import { KINDS } from '../../../toolkit/dataset/layout.ts';
import { archiveKind, Selection } from '../../../toolkit/zenodo/record/record-files.ts';

describe('archiveKind', () => {
  it('uses the folder that all paths start with, also inside a folder around it', () => {
    expect(archiveKind(['images/he/a.png', '__MACOSX/images/he/._a.png'])).toBe('images');
    expect(archiveKind(['ignite-v2/annotations/he/a.png', 'ignite-v2/annotations/pdl1/pdl1/a.json'])).toBe(
      'annotations',
    );
    const paths = ['ignite-v2/annotations/he/a.png', 'ignite-v2/annotations/pdl1/pdl1/a.json'];
    expect(wrapperOf(paths, ['annotations'])).toBe('ignite-v2/');
    expect(underRoot(paths[0] ?? '', 'annotations', 'ignite-v2/')).toBe('annotations/he/a.png');
    expect(underRoot('he/a.png', 'annotations')).toBe('annotations/he/a.png');
  });

  it('keeps folders that the files do not share, so that no file replaces another', () => {
    expect(wrapperOf(['a/images/x.png', 'b/images/x.png'], ['images'])).toBe('');
    expect(underRoot('b/images/x.png', 'images')).toBe('images/b/images/x.png');
  });

  it('finds the folder around several folders of the record, with files in it and notes next to it', () => {
    const paths = [
      'ignite/data_overview.csv',
      'ignite/images/he/a.png',
      'ignite/annotations/pdl1/pdl1/a.json',
      'README.md',
      '__MACOSX/ignite/._data_overview.csv',
    ];
    expect(wrapperOf(paths, KINDS)).toBe('ignite/');
    expect(archiveKind(paths)).toBeUndefined();
    expect(wrapperOf(['he/a.png', 'he/old/images/a.png'], KINDS)).toBe('');
    expect(wrapperOf(['pdl1/images/a.png', 'he/masks/a.png'], KINDS)).toBe('');
  });

  it('decides by the files if no path names a folder of the record', () => {
    expect(archiveKind(['he/net/fold_0/model_best.model', 'he/net/progress.png'])).toBe('models');
    expect(archiveKind(['pdl1/nuclei/a.npy', 'he/a.png'])).toBe('inference');
    expect(archiveKind(['he/a.png', 'pdl1/pdl1/a.png'])).toBe('images');
    expect(archiveKind(['he/a.png', 'pdl1/pdl1/all.json'])).toBe('annotations');
    expect(archiveKind(['figures.txt'])).toBeUndefined();
  });

  it('does not change an archive of several folders', () => {
    expect(archiveKind(['images/he/a.png', 'models/he/net/fold_0/model_best.model'])).toBeUndefined();
  });
});

describe('a selection', () => {
  it.each([
    ['images/he/patient1_*', 'images/he/patient1_he_roi1.png', true],
    ['images/he/patient1_*', 'images/he/patient11_he_roi1.png', false],
    ['./images/**', 'images/pdl1/nuclei/a.png', true],
    ['*.json', 'annotations/pdl1/pdl1/readers.json', true],
    ['data_overview.csv', 'data_overview.csv', true],
    ['images/*', 'images/he/a.png', false],
  ])('%s and %s: %s', (glob, path, isTaken) => {
    expect(new Selection([glob]).takes(path)).toBe(isTaken);
  });

  it('knows which folders cannot contain a match', () => {
    const selection = new Selection(['images/he/patient1_*']);
    expect(selection.mayTakeBelow('images')).toBe(true);
    expect(selection.mayTakeBelow('models')).toBe(false);
    expect(new Selection(['*.json']).mayTakeBelow('models')).toBe(true);
  });

  it('rejects nothing as a glob', () => {
    expect(() => new Selection([''])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
