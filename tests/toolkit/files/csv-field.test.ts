import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { csvField } from '../../../toolkit/format.ts';

describe('csvField', () => {
  it('can be read back unchanged', () => {
    const texts = ['plain', '', 'a,b', 'a "b"', '"', 'two\nlines', 'a\r\nb'];
    expect(parse(`${['first', ...texts].map(csvField).join(',')}\n`)).toEqual([['first', ...texts]]);
    expect(csvField('plain')).toBe('plain');
  });
});
