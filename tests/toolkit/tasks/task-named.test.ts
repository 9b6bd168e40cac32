import { expect, it } from 'vitest';
import type { CellTask } from '../../../config/tasks.ts';
import { headlineScores } from '../../../toolkit/tasks/task-named.ts';
import type { CellsVerdictFile } from '../../../toolkit/verdict/verdict-file.ts';

const compared = (name: string, ours: number | null, published: number | null) => ({
  ...{ name, judged: true, ours, published },
  difference: ours === null || published === null ? null : ours - published,
});

function verdict(task: CellTask, f1: CellsVerdictFile['f1']): CellsVerdictFile {
  const reason = { verdict: 'reproduced', reason: 'reason' } as const;
  const pooled = { ours: 1, published: 1, matched: 1, farthest: 0, extra: 0, missing: 0, unexplained: 0 };
  return {
    ...{ task, verdict: 'reproduced', evaluation: reason, inference: { ...reason, pooled }, f1, f1LowestIndex: f1 },
    ...{ readers: [], warnings: [], rois: [], worst: [] },
  };
}

it('gives the mean over all readers of a group, with one group and one class too, as sweep does', () => {
  const one = [
    compared('nuclei: reader R1|AI, macro', 0.9431, 0.9432),
    compared('nuclei: reader R1|AI, class 0', 0.1, 0.1),
    compared('nuclei: reader R2|AI, macro', 0.8, 0.81),
    compared('nuclei: reader R3|AI, macro', null, null),
  ];
  expect(headlineScores('nuclei', verdict('nuclei', one))).toEqual([
    'F1 of the readers with the AI, mean: 0.8716 (published 0.8766)',
  ]);
});

it('names the group if there are several', () => {
  const two = [compared('RUMC: reader P1|AI, macro', 0.5, null), compared('SCDC: reader P4|AI, macro', null, null)];
  expect(headlineScores('pdl1', verdict('pdl1', two))).toEqual([
    'F1 of RUMC readers with the AI, mean: 0.5000',
    'F1 of SCDC readers with the AI, mean: nothing to score',
  ]);
});
