import { expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { heMetrics, presentDice } from '../../../toolkit/metrics/he-metrics.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';

/** Tumour (2), of which some is predicted as Liver (15), which the ground truth does not have. */
function confusion(): ConfusionMatrix {
  const rows = Array.from({ length: 17 }, () => new Array<number>(17).fill(0));
  rows[2]?.splice(2, 1, 30_000);
  rows[2]?.splice(15, 1, 10_000);
  return ConfusionMatrix.fromRows(rows);
}

it('a class that is not in the ground truth is null, even if it was predicted', () => {
  const metrics = heMetrics(confusion());
  const { all, til } = presentDice(metrics);
  expect(all.perClass['Tumor cells']).toBeCloseTo(6 / 7, 12);
  expect(all.perClass).toMatchObject({ Liver: null, Stroma: null });
  expect(Object.keys(all.perClass)).not.toContain('Background');
  expect(til.perClass['Macrophages']).toBeNull();
  expect(metrics.all.perClass['Liver'], 'metrics/he.json stays as it is').toBe(0);
});

it('its verdict has no numbers, and the others keep theirs', () => {
  const pixels = { pixels: 40_000, differing: 0, largestConfidence: 0, lowConfidence: 0 };
  const comparison = { ...pixels, between: confusion().toRows() };
  const roi = { kind: 'compared', roi: 'r', comparison, published: confusion(), ours: confusion() } as const;
  const { dice, verdict } = judgeTissue('he', [roi], undefined, { ...VerdictConfig.parse({}).he, minClassPixels: 0 });
  const of = (name: string) => dice.all.find((metric) => metric.name === name);
  expect(of('Liver')).toEqual({
    name: 'Liver',
    truth: 0,
    judged: false,
    published: null,
    ours: null,
    difference: null,
  });
  expect(of('Tumor cells')).toMatchObject({ judged: true, difference: 0 });
  expect(verdict).toBe('reproduced');
  expect(dice.between.find(({ name }) => name === 'Muscle')?.ours).toBeNull();
});
