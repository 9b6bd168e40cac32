import { describe, expect, it } from 'vitest';
import { scoreOf, tumourProportion } from '../../../toolkit/verdict/cells-uncertainty.ts';

const cells = (negative: number, positive: number, other = 0) =>
  [negative, positive, other].flatMap((count, label) =>
    Array.from({ length: count }, () => ({ x: 0, y: 0, class: label })),
  );

const CLASSES = { positive: 1, negative: 0 };

describe('tumour proportion score', () => {
  it('is the share of positive cells among tumour cells, ignoring other cells', () => {
    expect(scoreOf(cells(3, 1, 10), CLASSES)).toBe(25);
    expect(scoreOf(cells(0, 0, 10), CLASSES)).toBeNull();
  });

  it('compares the AI with every reader, on the images that both have scored', () => {
    const comparison = { ours: 4, published: 4, matched: 4, farthest: 0, extra: 0, missing: 0, unexplained: 0 };
    const image = (roi: string, points: ReturnType<typeof cells>) => ({
      kind: 'compared' as const,
      roi,
      comparison,
      published: points,
      ours: points,
    });
    const annotations = {
      task: 'pdl1',
      images: [
        { id: 0, fileName: 'a.png', stem: 'a', annotatedXyxy: [0, 0, 1, 1] },
        { id: 1, fileName: 'b.png', stem: 'b', annotatedXyxy: [0, 0, 1, 1] },
      ],
      groups: [{ name: 'RUMC', readers: ['reader P1'] }],
      points: new Map([['reader P1', new Map([[0, cells(1, 1)]])]]),
      unused: [],
    } as const;
    const { readers, rois } = tumourProportion(
      [image('a', cells(3, 1)), image('b', cells(1, 0))],
      annotations,
      CLASSES,
    );
    expect(rois).toEqual([
      { roi: 'a', readers: { 'reader P1': 50 }, published: 25, ours: 25 },
      { roi: 'b', readers: {}, published: 0, ours: 0 },
    ]);
    expect(readers).toEqual([
      {
        reader: 'reader P1',
        rois: 1,
        meanDifference: -25,
        meanAbsoluteDifference: 25,
        publishedMeanDifference: -25,
        publishedMeanAbsoluteDifference: 25,
        sameCategory: 0,
      },
    ]);
  });
});
