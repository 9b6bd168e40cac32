import { describe, expect, it } from 'vitest';
import { evaluationLines } from '../../../cli/predict/evaluate.ts';
import type { ScoreRow } from '../../../toolkit/tasks/work.ts';

const ROWS: readonly ScoreRow[] = [
  {
    ...{ label: 'TIL: Stroma and Inflammation', value: 0.9, without: 'absent', published: 0.95, missed: 0.85 },
    interval: { low: 0.8, high: 0.95, dropped: 0 },
  },
  { label: 'Liver', value: null, without: 'absent', published: 0, missed: 0 },
];

describe('evaluationLines', () => {
  it('is a table with every number where there is room', () => {
    expect(evaluationLines('Dice', ROWS)).toEqual([
      '                                Dice    95 % interval     published  difference  unpredicted as missed',
      '  TIL: Stroma and Inflammation  0.9000  0.8000 to 0.9500  0.9500     -0.0500     0.8500',
      '  Liver                         absent',
    ]);
  });

  it('leaves the difference out in 80 columns', () => {
    expect(evaluationLines('Dice', ROWS, 80)).toEqual([
      '                                Dice    95 % interval     published  as missed',
      '  TIL: Stroma and Inflammation  0.9000  0.8000 to 0.9500  0.9500     0.8500',
      '  Liver                         absent',
    ]);
  });

  it('has the numbers below the names in 40 columns', () => {
    const lines = evaluationLines('Dice', ROWS, 40);
    expect(lines).toEqual([
      '  TIL: Stroma and Inflammation',
      '    0.9000 (0.8000 to 0.9500)',
      '    published 0.9500',
      '    difference -0.0500',
      '    unpredicted as missed 0.8500',
      '  Liver',
      '    absent',
    ]);
  });
});
