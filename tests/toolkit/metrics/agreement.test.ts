import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import {
  AgreementRemark,
  agreementScores,
  DetectionMetrics,
  evaluateDetection,
} from '../../../toolkit/metrics/agreement.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { AGREEMENT_RECORDS, agreementOracle, cellPoints } from './agreement-oracle.ts';

function evaluated(...[tree, task]: (typeof AGREEMENT_RECORDS)[number]) {
  const oracle = agreementOracle(tree, task);
  return { ...oracle, ...evaluateDetection({ task, annotations: oracle.annotations, points: oracle.points }) };
}

describe('evaluateDetection', () => {
  it.each(AGREEMENT_RECORDS)('counts every pair and image of %s %s like the authors', (tree, task) => {
    const { pairs, expected, annotations } = evaluated(tree, task);
    const stems = annotations.images.map(({ stem }) => stem);
    let compared = 0;
    for (const [name, of] of expected.groups.flatMap((group) => Object.entries(group.pairs))) {
      const pair = pairs.get(name);
      expect(pair?.total?.toRows(), name).toEqual(of?.sum);
      const perImage = Object.entries(of?.per_image ?? {});
      expect(pair?.images.length, name).toBe(perImage.length);
      for (const [image, counts] of perImage) {
        const ours = pair?.images.find(({ roi }) => roi === stems[Number(image)]);
        expect(ours?.confusion.toRows(), `${name} ${image}`).toEqual(counts);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(10);
  });

  it.each(AGREEMENT_RECORDS)('scores every pair of %s %s like the authors', (tree, task) => {
    const { metrics, pairs, expected } = evaluated(tree, task);
    for (const { readers, pairs: expectedPairs } of expected.groups) {
      const group = Object.values(metrics.groups).find((one) => one.readers.join() === readers.join());
      expect(Object.keys(group?.confusion ?? {})).toEqual(Object.keys(expectedPairs));
      for (const [name, of] of Object.entries(expectedPairs)) {
        const [i, j] = name.split('|').map((reader) => readers.indexOf(reader));
        for (const [score, rows] of Object.entries(group?.f1 ?? {})) {
          const key = score === 'macro' ? 'f1 macro' : `f1: ${score}`;
          const value = rows[i ?? -1]?.[j ?? -1];
          if (of === null) expect(value).toBeNull();
          else expect(Math.abs((value ?? Number.NaN) - (of.metrics[key] ?? Number.NaN)), name).toBeLessThan(1e-12);
        }
        const total = pairs.get(name)?.total;
        if (total === undefined || of === null) continue;
        const { precision, recall, macro } = agreementScores(total);
        precision.forEach((value, k) => {
          expect(value).toBeCloseTo(of.metrics[`precision: ${k}`] ?? Number.NaN, 12);
          expect(recall[k]).toBeCloseTo(of.metrics[`recall: ${k}`] ?? Number.NaN, 12);
        });
        expect(macro.precision).toBeCloseTo(of.metrics['precision macro'] ?? Number.NaN, 12);
        expect(macro.recall).toBeCloseTo(of.metrics['recall macro'] ?? Number.NaN, 12);
      }
    }
  });

  it.each(AGREEMENT_RECORDS)('writes results of %s %s that can be read back', (tree, task) => {
    const { metrics, remarks } = evaluated(tree, task);
    expect(DetectionMetrics.parse(JSON.parse(JSON.stringify(metrics)))).toEqual(metrics);
    expect(AgreementRemark.array().parse(JSON.parse(JSON.stringify(remarks)))).toEqual(remarks);
    for (const { f1, readers } of Object.values(metrics.groups)) {
      for (const rows of Object.values(f1)) {
        rows.forEach((row, i) => {
          row.forEach((value, j) => {
            if (i >= j) expect(value, `${readers[i]}|${readers[j]}`).toBeNull();
          });
        });
      }
    }
  });

  it("has no remarks if the authors' code would run through", () => {
    expect(evaluated('open', 'nuclei').remarks).toEqual([]);
    expect(evaluated('open', 'pdl1').remarks).toEqual([]);
  });

  it('reports what it left out and why', () => {
    const group = 'nuclei';
    const rois = ['edge_case47_nuclei_roi_3'];
    expect(evaluated('edge', 'nuclei').remarks).toEqual([
      { kind: 'ai-without-points', rois: ['edge_case47_nuclei_roi_1'] },
      { kind: 'image-left-out-of-pair', group, pair: 'reader R1|reader R3', rois },
      { kind: 'image-left-out-of-pair', group, pair: 'reader R2|reader R3', rois },
    ]);
    expect(evaluated('edge', 'pdl1').remarks).toEqual(
      expect.arrayContaining([
        { kind: 'pair-without-images', group: 'SCDC', pair: 'reader P5|AI' },
        { kind: 'pair-without-images', group: 'SCDC', pair: 'reader P4|reader P5' },
      ]),
    );
    const { RUMC, SCDC } = evaluated('edge', 'pdl1').metrics.groups;
    expect(SCDC?.confusion['reader P5|AI']).toBeNull();
    expect(SCDC?.f1['macro']?.[1]).toEqual([null, null, null, null]);
    expect(RUMC?.readers).toEqual(['reader P1', 'reader P2', 'reader P3', 'AI']);
  });

  it('resolves ties the other way on request', () => {
    const { annotations, points } = agreementOracle('open', 'pdl1');
    const input = { task: 'pdl1', annotations, points } as const;
    const tree = evaluateDetection({ ...input, tieOrder: 'tree' });
    const lowest = evaluateDetection({ ...input, tieOrder: 'lowest-index' });
    const pair = 'reader P4|reader P5';
    expect(tree.metrics.groups['SCDC']?.confusion[pair]?.[2]).toEqual([6, 2, 25, 8]);
    expect(lowest.metrics.groups['SCDC']?.confusion[pair]?.[2]).toEqual([4, 2, 27, 8]);
    expect(lowest.metrics.groups['SCDC']?.confusion['reader P4|AI']).toEqual(
      tree.metrics.groups['SCDC']?.confusion['reader P4|AI'],
    );
  });

  it.each([
    ['a class that the task has not', [1, 1, 1], 'class 1'],
    ['a class between two', [1, 1, 0.5], 'class 0.5'],
    ['a place that is none', [Number.NaN, 1, 0], '(NaN, 1)'],
    ['a place at infinity', [1, Number.NEGATIVE_INFINITY, 0], '(1, -Infinity)'],
  ])('refuses points of the AI with %s', (_, point, message) => {
    const { annotations } = agreementOracle('edge', 'nuclei');
    expect(() => evaluateDetection({ task: 'nuclei', annotations, points: () => cellPoints(point) })).toThrow(message);
  });

  it("flags a count that overflows the authors' 16 bits, and continues to count", () => {
    const point = { x: 10, y: 10, class: 0 };
    const count = 700;
    const images = Array.from({ length: 100 }, (_, id) => ({
      id,
      file_name: `${id}.png`,
      annotated_xyxy: [0, 0, 9, 9],
    }));
    const annotations = images.map(({ id }) => ({ id, image_id: id, category_id: 1, bbox: [2, 2, 16, 16] }));
    const document = { images, annotations, categories: [{ id: 1, supercategory: 'reader R1' }] };
    const { metrics, remarks } = evaluateDetection({
      task: 'nuclei',
      annotations: parseReaderAnnotations(document, 'nuclei', 'many.json'),
      points: () => Array.from({ length: count }, () => point),
    });
    expect(metrics.groups['nuclei']?.confusion['reader R1|AI']).toEqual([
      [100, 0],
      [69_900, 0],
    ]);
    expect(remarks).toContainEqual({ kind: 'beyond-16-bit', group: 'nuclei', pair: 'reader R1|AI', largest: 69_900 });
  });
});

describe('agreementScores', () => {
  it('returns 0 if there is nothing to score', () => {
    expect(agreementScores(ConfusionMatrix.zeros(4)).macro).toEqual({ precision: 0, recall: 0, f1: 0 });
  });

  it('keeps F1 between 0 and 1 and between precision and recall', () => {
    const count = fc.integer({ min: 0, max: 1_000 });
    fc.assert(
      fc.property(fc.array(count, { minLength: 4, maxLength: 4 }), (counts) => {
        const { precision, recall, f1 } = agreementScores(new ConfusionMatrix(2, counts));
        const [p = 0, r = 0, f = 0] = [precision[0], recall[0], f1[0]];
        expect(f).toBeGreaterThanOrEqual(0);
        expect(f).toBeLessThanOrEqual(1);
        expect(f).toBeLessThanOrEqual(Math.max(p, r));
        expect(f).toBeGreaterThanOrEqual(Math.min(p, r) - 1e-6);
      }),
    );
  });
});
