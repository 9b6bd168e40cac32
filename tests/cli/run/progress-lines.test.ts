import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { ProgressLines } from '../../../cli/run/progress-lines.ts';
import { pendingSteps } from '../../../runtime/run/run-progress.ts';

const stage = { stage: 'he', unit: 'ROIs', done: 0, of: 4, cached: 0, failed: 0, state: 'running' } as const;

describe('progress lines', () => {
  it('report advances at once, and running activities occasionally', () => {
    const lines: string[] = [];
    const progress = new ProgressLines((line) => lines.push(line));
    progress.show([stage], 0);
    progress.show([{ ...stage, steps: ['roi1 3 %'] }], 29_000);
    progress.show([{ ...stage, steps: ['roi1 8 %', 'roi2 0 %'] }], 31_000);
    progress.show([{ ...stage, steps: ['roi1 9 %'] }], 32_000);
    progress.show([stage], 70_000);
    progress.show([{ ...stage, done: 1 }], 71_000);
    expect(lines).toEqual(['he       0 of 4 ROIs', 'he       0 of 4 ROIs; roi1 8 %, roi2 0 %', 'he       1 of 4 ROIs']);
  });

  it('read the finished share from a heartbeat', () => {
    const beating = (details: unknown) => ({
      heartbeatDetails: { payloads: [defaultPayloadConverter.toPayload(details)] },
    });
    const steps = [
      beating({ roi: 'roi1', phase: 'predict', tile: 7, of: 9 }),
      beating({ roi: 'roi2', phase: 'reading' }),
      {},
      beating({ image: 'mine', phase: 'detect', tile: 0, of: 2 }),
    ];
    expect(pendingSteps(steps)).toEqual(['roi1 77 %', 'mine 0 %']);
  });
});
