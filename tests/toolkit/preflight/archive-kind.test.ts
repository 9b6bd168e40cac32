import { describe, expect, it } from 'vitest';
import { underRoot, wrapperOf } from '../../../toolkit/archive/check-entries.ts';
import { KINDS } from '../../../toolkit/dataset/layout.ts';
import { archiveKind } from '../../../toolkit/preflight/archive-kind.ts';

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
