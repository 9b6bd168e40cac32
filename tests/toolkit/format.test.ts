import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { counted, csvField, listed, percentText, withArticle } from '../../toolkit/format.ts';

describe('text', () => {
  it('counts with the right noun', () => {
    expect([0, 1, 2].map((count) => counted(count, 'place'))).toEqual(['0 places', '1 place', '2 places']);
    expect(counted(1, 'box has', 'boxes have')).toBe('1 box has');
  });

  it.each([
    [0, '0 %'],
    [1e-9, 'less than 0.000001 %'],
    [0.00004, '0.0040 %'],
    [0.0123, '1.2 %'],
    [0.994, '99 %'],
    [0.9996, '99.96 %'],
    [0.999999, 'more than 99.99 %'],
    [1, '100 %'],
  ])('formats the share %d as %s', (share, text) => {
    expect(percentText(share)).toBe(text);
  });

  it.each([
    ['Ultralytics model', 'an'],
    ['ultralytics.nn.tasks.DetectionModel', 'an'],
    ['YOLOv5 detector', 'a'],
    ['ONNX file', 'an'],
    ['H&E image', 'an'],
    ['nnU-Net', 'an'],
    ['RGB image', 'an'],
    ['unit', 'a'],
    ['hour', 'an'],
    ['8-bit image', 'an'],
    ['16-bit image', 'a'],
    ['None', 'a'],
    ['Sequential', 'a'],
    ['MLP', 'an'],
    ['dict', 'a'],
    ['int', 'an'],
  ])('gives %s its article', (next, article) => {
    expect(withArticle(next)).toBe(`${article} ${next}`);
  });

  it('lists names', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed)).toEqual(['', 'a', 'a and b', 'a, b and c']);
  });
});

describe('csvField', () => {
  it('can be read back unchanged', () => {
    const texts = ['plain', '', 'a,b', 'a "b"', '"', 'two\nlines', 'a\r\nb'];
    expect(parse(`${['first', ...texts].map(csvField).join(',')}\n`)).toEqual([['first', ...texts]]);
    expect(csvField('plain')).toBe('plain');
  });
});
