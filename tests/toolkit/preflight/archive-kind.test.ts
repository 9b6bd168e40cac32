import { describe, expect, it } from 'vitest';
import { underRoot } from '../../../toolkit/archive/check-entries.ts';
import { archiveKind } from '../../../toolkit/preflight/archive-kind.ts';

describe('archiveKind', () => {
  it('takes the folder that all paths begin with, also inside a folder around it', () => {
    expect(archiveKind(['images/he/a.png', '__MACOSX/images/he/._a.png'])).toBe('images');
    expect(archiveKind(['ignite-v2/annotations/he/a.png', 'ignite-v2/annotations/pdl1/pdl1/a.json'])).toBe(
      'annotations',
    );
    expect(underRoot('ignite-v2/annotations/he/a.png', 'annotations')).toBe('annotations/he/a.png');
    expect(underRoot('he/a.png', 'annotations')).toBe('annotations/he/a.png');
  });

  it('decides by the files where no path names a folder of the record', () => {
    expect(archiveKind(['he/net/fold_0/model_best.model', 'he/net/progress.png'])).toBe('models');
    expect(archiveKind(['pdl1/nuclei/a.npy', 'he/a.png'])).toBe('inference');
    expect(archiveKind(['he/a.png', 'pdl1/pdl1/a.png'])).toBe('images');
    expect(archiveKind(['he/a.png', 'pdl1/pdl1/all.json'])).toBe('annotations');
    expect(archiveKind(['figures.txt'])).toBeUndefined();
  });

  it('leaves an archive of several folders as it is', () => {
    expect(archiveKind(['images/he/a.png', 'models/he/net/fold_0/model_best.model'])).toBeUndefined();
  });
});
