import { describe, expect, it } from 'vitest';
import { HE_LABELS, TIL_LABELS } from '../../../toolkit/dataset/he-labels.ts';
import { heOracle } from '../metrics/he-oracle.ts';

describe('HE_LABELS', () => {
  it('are at the index of their value', () => {
    expect(HE_LABELS.map(({ value }) => value)).toEqual(HE_LABELS.map((_, index) => index));
    expect(TIL_LABELS.map(({ value }) => value)).toEqual(TIL_LABELS.map((_, index) => index));
  });

  it('have the names, colours and TIL groups of the authors', () => {
    expect(Object.fromEntries(HE_LABELS.map(({ name, value }) => [name, value]))).toEqual(heOracle.labels);
    expect(Object.fromEntries(HE_LABELS.map(({ value, til }) => [value, til]))).toEqual(heOracle.groups);
    expect(Object.fromEntries(HE_LABELS.map(({ value, colour }) => [value, [...colour, 255]]))).toEqual(
      heOracle.colours,
    );
  });

  it('have the names and bar colours of the TIL use case', () => {
    expect(Object.fromEntries(TIL_LABELS.map(({ name, value }) => [name, value]))).toEqual(heOracle.tilLabels);
    for (const { name, colour } of TIL_LABELS.slice(2)) {
      expect(heOracle.barColours[name]?.map((channel) => Math.round(channel * 255))).toEqual([...colour]);
    }
  });
});
