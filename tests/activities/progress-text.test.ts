import { describe, expect, it } from 'vitest';
import { progressText } from '../../activities/heartbeat.ts';

describe('progressText', () => {
  it.each([
    [
      { phase: 'predict', roi: 'a', tile: 120, of: 400, row: 2, rows: 12, fold: 1 },
      'a: predicting, tile 120 of 400 (30 %), row 3 of 12, fold 2',
    ],
    [
      { phase: 'encode', roi: 'a', tile: 400, of: 400, row: 12, rows: 12, fold: 0 },
      'a: writing, tile 400 of 400 (100 %), row 12 of 12, fold 1',
    ],
    [{ phase: 'detect', image: 'b.png', tile: 0, of: 9 }, 'b.png: detecting, tile 0 of 9 (0 %)'],
    [
      { phase: 'fetching', file: 'images.zip', bytes: 1.2e9, of: 8.2e9, bytesPerSecond: 3.4e6, secondsLeft: 2_059 },
      'images.zip: fetching, 1.20 GB of 8.20 GB (14 %), 3.40 MB/s, 34 min 19 s left',
    ],
    [{ step: 'convert', done: 2, total: 5 }, 'converting, 2 of 5 (40 %)'],
    [{ phase: 'planning', done: 0, of: 0 }, 'planning, 0 of 0'],
    [{ phase: 'report', done: 3 }, 'writing the report, 3 done'],
    [{ record: '42' }, 'at work'],
  ])('says %j in words', (progress, text) => {
    expect(progressText(progress)).toBe(text);
  });
});
