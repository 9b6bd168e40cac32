import { describe, expect, it } from 'vitest';
import { Selection } from '../../../toolkit/zenodo/record/selection.ts';

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
