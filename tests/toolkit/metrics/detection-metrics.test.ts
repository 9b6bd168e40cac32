import { describe, expect, it } from 'vitest';
import { DetectionMetrics } from '../../../toolkit/metrics/agreement.ts';

const group = () => ({
  readers: ['reader R1', 'AI'],
  f1: {
    macro: [
      [null, 0.5],
      [null, null],
    ],
    '0': [
      [null, 0.5],
      [null, null],
    ],
  },
  confusion: {
    'reader R1|AI': [
      [1, 1],
      [1, 0],
    ],
  },
});

describe('DetectionMetrics', () => {
  it('accepts a group with null for a pair without images', () => {
    const metrics = { groups: { nuclei: group(), RUMC: { ...group(), confusion: { 'reader R1|AI': null } } } };
    expect(DetectionMetrics.parse(metrics)).toEqual(metrics);
    expect(DetectionMetrics.parse({ groups: {} })).toEqual({ groups: {} });
  });

  it.each([
    ['another group', { groups: { RADBOUD: group() } }],
    ['another field', { groups: {}, task: 'nuclei' }],
    ['no mean', { groups: { nuclei: { ...group(), f1: { '0': group().f1[0] } } } }],
    [
      'a score above 1',
      {
        groups: {
          nuclei: {
            ...group(),
            f1: {
              ...group().f1,
              macro: [
                [null, 1.5],
                [null, null],
              ],
            },
          },
        },
      },
    ],
    ['too few scores', { groups: { nuclei: { ...group(), f1: { ...group().f1, macro: [[null, 1]] } } } }],
    ['a pair of another group', { groups: { nuclei: { ...group(), confusion: { 'R1|AI': null } } } }],
    ['a pair too few', { groups: { nuclei: { ...group(), confusion: {} } } }],
    ['counts of more classes', { groups: { nuclei: { ...group(), confusion: { 'reader R1|AI': [[1]] } } } }],
    [
      'half a cell',
      {
        groups: {
          nuclei: {
            ...group(),
            confusion: {
              'reader R1|AI': [
                [1, 0.5],
                [0, 0],
              ],
            },
          },
        },
      },
    ],
  ])('refuses %s', (_, metrics) => {
    expect(DetectionMetrics.safeParse(metrics).success).toBe(false);
  });
});
