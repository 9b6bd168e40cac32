import { describe, expect, it } from 'vitest';
import { logLine } from '../../../runtime/workers/telemetry.ts';

const AT = 1_700_000_000_123_456_789n;

describe('logLine', () => {
  it('names run, stage, batch and ROI of an activity, and leaves out the internals of the SDK', () => {
    const meta = {
      workflowId: 'reproduce/42/tiny/0123456789abcdef/he/00001',
      activityType: 'inferRoi',
      attempt: 2,
      roi: 'patient1_he_roi1',
      taskToken: 'AAAA',
      namespace: 'default',
      tiles: 30,
    };
    expect(JSON.parse(logLine({ level: 'INFO', message: 'inference begins', timestampNanos: AT, meta }))).toEqual({
      time: '2023-11-14T22:13:20.123Z',
      level: 'INFO',
      message: 'inference begins',
      run: 'reproduce/42/tiny/0123456789abcdef',
      stage: 'he',
      page: '00001',
      step: 'inferRoi',
      attempt: 2,
      roi: 'patient1_he_roi1',
      tiles: 30,
    });
  });

  it('is one line whatever it contains', () => {
    const meta = { error: new Error('two\nlines'), count: 3n };
    const line = logLine({ level: 'WARN', message: 'a\nb', timestampNanos: AT, meta });
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({
      message: 'a\nb',
      error: expect.stringContaining('two\nlines'),
      count: '3',
    });
  });
});
