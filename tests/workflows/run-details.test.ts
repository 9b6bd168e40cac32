import { describe, expect, it } from 'vitest';
import { failureList } from '../../workflows/failures.ts';
import { type RunView, runDetails, type StageProgress } from '../../workflows/progress.ts';

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

describe('failureList', () => {
  it('is empty if nothing failed', () => {
    expect(failureList([])).toEqual([]);
  });

  it('lists each on one line, and counts those that are not shown', () => {
    const failures = Array.from({ length: 23 }, (_, at) => ({ item: `roi${at}`, code: 'INTERNAL', cause: 'a|b\n  c' }));
    const text = plain(failureList(failures).join('\n'));
    expect(text).toContain('- **roi19** `INTERNAL`: a|b c');
    expect(text).not.toContain('roi20');
    expect(text).toContain('... and 3 more.');
  });
});
