import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { fileLines, ProgressLines, stageLines } from '../../../cli/run/progress-lines.ts';
import { type LiveStage, pendingSteps } from '../../../runtime/run/run-progress.ts';

const stage = { stage: 'he', unit: 'ROIs', done: 0, of: 4, cached: 0, failed: 0, state: 'running' } as const;

describe('progress lines', () => {
  it('report advances at once, and running activities occasionally', () => {
    const lines: string[] = [];
    const written = new ProgressLines((line) => lines.push(line));
    const progress = { show: (stages: readonly LiveStage[], now: number) => written.show(stageLines(stages), now) };
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

  it('report the files that are downloaded, but not every second of a wait', () => {
    const lines: string[] = [];
    const progress = new ProgressLines((line) => lines.push(line));
    const file = { key: 'he.zip', size: 2_000, state: 'fetching' } as const;
    const beat = { file: 'he.zip', phase: 'fetching', bytes: 1_000, of: 2_000 } as const;
    const waits = { cause: 'No answer.', seconds: 9 };
    progress.show(fileLines([file, { key: 'pdl1.zip', size: 1, state: 'waiting' }]), 0);
    progress.show(fileLines([{ ...file, beat }]), 1_000);
    progress.show(fileLines([{ ...file, beat: { ...beat, bytes: 1_500 } }]), 2_000);
    progress.show(fileLines([{ ...file, beat: { ...beat, bytes: 1_600 } }]), 3_000);
    progress.show(fileLines([{ ...file, waits }]), 4_000);
    progress.show(fileLines([{ ...file, waits: { ...waits, seconds: 4 } }]), 9_000);
    progress.show(fileLines([{ ...file, state: 'done' }]), 10_000);
    expect(lines).toEqual([
      'he.zip  1.00 kB of 2.00 kB fetched, 50 %',
      'he.zip  1.60 kB of 2.00 kB fetched, 80 %',
      'he.zip  waits: No answer. Next attempt in 9 s.',
      'he.zip  2.00 kB, done',
    ]);
  });
});
