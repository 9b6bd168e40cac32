import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ProgressThrottle,
  progressTable,
  type RunView,
  runDetails,
  type StageProgress,
} from '../../workflows/progress.ts';

describe('ProgressThrottle', () => {
  const MINUTE = 60_000;

  it('reports nothing for a stage that ends within a minute', () => {
    const throttle = new ProgressThrottle(0, 4, 0);
    expect([1, 2, 3, 4].map((done) => throttle.isDue(done, done * 10_000))).toEqual([false, false, false, false]);
  });

  it('reports every tenth that took a minute', () => {
    const throttle = new ProgressThrottle(0, 100, 0);
    expect([5, 10, 11, 20].map((done) => throttle.isDue(done, done * MINUTE))).toEqual([false, true, false, true]);
    expect(throttle.isDue(30, 20 * MINUTE + 1)).toBe(false);
  });

  it('reports at most ten times for any stage', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (of) => {
        const throttle = new ProgressThrottle(0, of, 0);
        const counts = Array.from({ length: of }, (_, index) => index + 1);
        const told = counts.filter((done) => throttle.isDue(done, done * MINUTE));
        expect(told.length).toBeLessThanOrEqual(10);
      }),
      { numRuns: 30 },
    );
  });
});

describe('progressTable', () => {
  it('is a Markdown table with a row per stage', () => {
    const table = progressTable([
      { stage: 'acquire', unit: 'files', done: 7, of: 7, cached: 0, failed: 0, state: 'done' },
      { stage: 'he', unit: 'ROIs', done: 1, of: 3, cached: 1, failed: 0, state: 'running' },
    ]);
    expect(table.replaceAll('\u00a0', ' ').replaceAll(/ +/g, ' ').split('\n')).toEqual([
      '| Stage | State | Done | Cached | Failed |',
      '|---|---|---|---|---|',
      '| Download and unpack | done | 7 of 7 files (100 %) | 0 | 0 |',
      '| H&E tissue segmentation | running | 1 of 3 ROIs (33 %) | 1 | 0 |',
    ]);
  });

  it('does not say that nothing is done while an open batch has its own count', () => {
    const he = { stage: 'he', unit: 'ROIs', of: 4, cached: 0, failed: 0, state: 'running', isLeast: true } as const;
    const doneOf = (done: number) => progressTable([{ ...he, done }]).replaceAll('\u00a0', ' ');
    expect(doneOf(0)).toContain('4 ROIs, see the open batch');
    expect(doneOf(0)).not.toContain('0 of 4');
    expect(doneOf(3)).toContain('at least 3 of 4 ROIs (75 %)');
  });
});

const HE: StageProgress = { stage: 'he', unit: 'ROIs', done: 4, of: 10, cached: 0, failed: 1, state: 'running' };
const VIEW: RunView = {
  run: 'reproduce-sample-1',
  stages: [HE],
  startedAt: new Map([['he', '2026-11-27T03:12:41.000Z']]),
  control: { paused: false, maxConcurrentRois: 4, skipped: [], interventions: [] },
  outcomes: {},
};
const plain = (text: string) => text.replaceAll('\u00a0', ' ').replaceAll(/ +/g, ' ');

describe('runDetails', () => {
  it('shows the minimum progress of a stage and when it started', () => {
    const text = plain(runDetails(VIEW));
    expect(text).toContain(
      '| H&E tissue segmentation | running | at least 4 of 10 ROIs (40 %) | 0 | 1 | 11\u201127 03:12 |',
    );
    expect(text).toContain('Relationships tab');
  });

  it('leaves the count of an open stage to its own page', () => {
    const stages: StageProgress[] = [{ ...HE, done: 0, of: 0, failed: 0 }];
    const text = plain(runDetails({ ...VIEW, stages }));
    expect(text).toContain('| H&E tissue segmentation | running | see its page | | | 11\u201127 03:12 |');
    expect(text).not.toContain('0 of 0');
  });

  it('says first that a run is paused, and how to resume it', () => {
    const interventions = [{ at: '2026-11-27T03:13:00.000Z', what: 'paused' }];
    const text = plain(runDetails({ ...VIEW, control: { ...VIEW.control, paused: true, interventions } }));
    expect(text).toMatch(/^\*\*Paused\.\*\* Resume with `npx reignite resume reproduce-sample-1`/);
    expect(text).toContain('| paused | at least 4 of 10 ROIs');
    expect(text).toContain('- 2026-11-27 03:13:00 paused');
  });

  it('ends with the verdicts and the path of the report', () => {
    const outcome = { stage: { folder: 'x' }, batches: 1, total: 10, cached: 0, failed: 0 };
    const stages: StageProgress[] = [{ ...HE, done: 10, failed: 0, state: 'done' }];
    const outcomes = {
      he: {
        ...outcome,
        verdict: 'reproduced' as const,
        said: 'reproduced',
        scores: ['Dice: 0.9146 (published 0.9146)'],
      },
    };
    const text = plain(runDetails({ ...VIEW, stages, outcomes, end: { status: 'done', results: '/r' } }));
    expect(text).toMatch(/^\*\*Done\.\*\* Report: `\/r\/report\/index\.html`/);
    expect(text).toContain('| reproduced |');
    expect(text).toContain('- **H&E tissue segmentation**: reproduced. Dice: 0.9146 (published 0.9146)');
  });

  it('shows code, cause and remedy of the error that ended it', () => {
    const failure = { code: 'FOLD_MISSING', cause: 'Fold 3 does not exist.', remedy: 'Fetch it.' };
    const text = runDetails({ ...VIEW, end: { status: 'failed', failure, results: '/r' } });
    expect(text).toMatch(/^\*\*Failed: FOLD_MISSING\.\*\* Fold 3 does not exist\. Fetch it\./);
  });
});
