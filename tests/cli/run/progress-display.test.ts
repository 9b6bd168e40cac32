import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLive, liveLines, type Paint, paintOf, type TimedStage } from '../../../cli/run/progress-display.ts';

const same = (text: string) => text;
const PLAIN: Paint = { good: same, bad: same, busy: same, faint: same };

function stage(more: Partial<TimedStage> = {}): TimedStage {
  return {
    ...{ stage: 'he', unit: 'ROIs', done: 2, of: 4, cached: 0, failed: 0, state: 'running' },
    first: { at: 0, done: 0 },
    ...more,
  };
}

describe('liveLines', () => {
  it('shows a bar, the count, the remaining time, and the current steps', () => {
    const download = stage({ stage: 'acquire', unit: 'files', done: 7, of: 7, state: 'done', endedAt: 3_000 });
    const lines = liveLines([download, stage({ steps: ['roi3 41 %'] })], ['writing the report'], 20_000, 100, PLAIN);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^Download +█+ 7 of 7 files +100 % +3 s$/);
    expect(lines[1]).toMatch(/^H&E tissue segmentation +(█+)░+ 2 of 4 ROIs +50 % +about 20 s left, 20 s/);
    expect(lines[2]).toBe('now: roi3 41 %, writing the report');
  });

  it('lists a step of several tasks only once', () => {
    const steps = ['loading the model'];
    const lines = liveLines([stage({ steps }), stage({ stage: 'pdl1', steps })], [], 20_000, 100, PLAIN);
    expect(lines.at(-1)).toBe('now: loading the model');
  });

  it('measures a download in bytes, with rate and remaining time', () => {
    const first = { at: 0, done: 1_000_000_000 };
    const bytes = { done: 3_000_000_000, of: 8_000_000_000 };
    const download = stage({ stage: 'acquire', unit: 'files', done: 1, of: 7, cached: 0, bytes, first });
    const [line = ''] = liveLines([download], [], 100_000, 120, PLAIN);
    expect(line).toContain('1 of 7 files  37 %');
    expect(line).toMatch(/37 % {2}about 4 min 10 s left, 1 min 40 s, 20\.0 MB\/s$/);
    const [wide = ''] = liveLines([download], [], 100_000, 200, PLAIN);
    expect(wide).toMatch(/left, 1 min 40 s, 20\.0 MB\/s, 3\.00 GB of 8\.00 GB$/);
    const [narrow = ''] = liveLines([download], [], 100_000, 40, PLAIN);
    expect(narrow).toBe('acquire  1 of 7 files  37 % 5 min left');
  });

  it('never cuts a number: the time is rounded, then the unit makes room, then the time is left out', () => {
    const at = (done: number, of: number, seconds: number) => {
      const bytes = { done: 1_000, of: 1_000 + seconds * 10 };
      const download = stage({ stage: 'acquire', unit: 'files', done, of, bytes, first: { at: 0, done: 0 } });
      return liveLines([download, stage({ done: 1, of: 4, state: 'done', endedAt: 0 })], [], 100_000, 40, PLAIN);
    };
    expect(at(0, 7, 20)).toEqual(['acquire  0 of 7 files  83 % 20 s left', 'he       1 of 4 ROIs   25 %']);
    expect(at(0, 7, 3_599)[0]).toBe('acquire  0 of 7 files   2 % 60 min left');
    expect(at(10, 1_234, 3_599)).toEqual(['acquire  10 of 1234   2 % 60 min left', 'he       1 of 4      25 %']);
    expect(at(10_000, 1_234_567, 3_599)[0]).toBe('acquire  10000 of 1234567 files   2 %');
  });

  it('shows failures before anything else, even if there is little room', () => {
    const [line] = liveLines([stage({ failed: 1 })], [], 20_000, 60, PLAIN);
    expect(line).toContain('1 failed');
    const [narrow] = liveLines([stage({ failed: 1 })], [], 20_000, 40, PLAIN);
    expect(narrow).toContain('2 of 4 ROIs');
    expect(narrow).toContain('1 failed');
  });

  it('is never wider than the terminal', () => {
    const stages = fc.array(
      fc.record({
        stage: fc.constantFrom('acquire', 'he', 'nuclei', 'pdl1'),
        done: fc.nat(9_999),
        of: fc.nat(9_999),
        cached: fc.nat(9_999),
        failed: fc.nat(99),
        state: fc.constantFrom('running' as const, 'done' as const, 'failed' as const),
        steps: fc.array(fc.string({ maxLength: 60 }), { maxLength: 5 }),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(stages, fc.integer({ min: 40, max: 200 }), fc.nat(1e7), (given, columns, now) => {
        const lines = liveLines(given.map(stage), ['drawing figures of ROIs 3 of 4'], now, columns, PLAIN);
        for (const line of lines) expect(line.length).toBeLessThan(columns);
      }),
    );
  });

  it('ignores cached results when it estimates the remaining time', () => {
    const [line] = liveLines([stage({ done: 3, first: { at: 0, done: 3 }, cached: 3 })], [], 50_000, 120, PLAIN);
    expect(line).not.toContain('left');
    expect(line).toContain('3 from the cache');
  });
});

describe('a live display', () => {
  it('is only for terminals of sufficient width', () => {
    expect(isLive({ isTTY: true, columns: 80 }, {})).toBe(true);
    expect(isLive({ isTTY: true, columns: 39 }, {})).toBe(false);
    expect(isLive({ columns: 80 }, {})).toBe(false);
    expect(isLive({ isTTY: true, columns: 80, rows: 0 }, {})).toBe(false);
    expect(isLive({ isTTY: true, columns: 80 }, { TERM: 'dumb' })).toBe(false);
  });

  it('has no colours with NO_COLOR', () => {
    expect(paintOf({ NO_COLOR: '1' }).good('x')).toBe('x');
    expect(paintOf({}).good('x')).not.toBe('x');
  });
});
