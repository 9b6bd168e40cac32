import { expect, it } from 'vitest';
import { predictCommand } from '../../cli/predict/predict.ts';
import { scheduleCommand } from '../../cli/run/schedule.ts';

const { signal } = new AbortController();

it.each([
  [{ simplify: 1 }, '--simplify is for masks only; detectors draw no outlines.'],
  [{ minArea: 30 }, '--min-area is for masks only; detectors draw no outlines.'],
])('refuses %j for predict with a detector', async (given, message) => {
  const options = { task: 'nuclei', model: 'nuclei.pt', out: 'cells', ...given } as const;
  await expect(predictCommand(['one.png'], options, signal)).rejects.toMatchObject({ code: 'USAGE', message });
});

it('refuses to create and remove a schedule at once', async () => {
  const options = { profile: 'sample', set: [], every: 'month', end: true } as const;
  await expect(scheduleCommand(options, signal)).rejects.toMatchObject({
    code: 'USAGE',
    message: '--every and --end exclude each other.',
  });
});
