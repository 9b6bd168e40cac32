import { readdir, readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import { traceLines } from '../../../activities/report/write-trace.ts';
import { TraceLine } from '../../../toolkit/report/trace.ts';

const HISTORIES = new URL('../../histories/0.1.0/', import.meta.url);

async function linesOf(name: string): Promise<TraceLine[]> {
  const history = historyFromJSON(JSON.parse(await readFile(new URL(name, HISTORIES), 'utf8')));
  return traceLines(name, history.events ?? []);
}

describe('traceLines', () => {
  it('lists every activity of a recorded run with its times, attempts and outcome', async () => {
    const names = await readdir(HISTORIES);
    const lines = (await Promise.all(names.map(linesOf))).flat();
    expect(lines.map(({ step }) => step)).toEqual(expect.arrayContaining(['inferRoi', 'drawBatch', 'compareTask']));
    for (const line of lines) expect(TraceLine.safeParse(line).success, JSON.stringify(line)).toBe(true);
    const done = lines.filter(({ outcome }) => outcome === 'completed');
    expect(done.length).toBeGreaterThan(20);
    for (const { queueSeconds, runSeconds, attempts, worker } of done) {
      expect(queueSeconds).toBeGreaterThanOrEqual(0);
      expect(runSeconds).toBeGreaterThanOrEqual(0);
      expect(attempts).toBeGreaterThanOrEqual(1);
      expect(worker).not.toBe('');
    }
  });

  it('shows the ROI with the damaged image as failed', async () => {
    const lines = (await linesOf('inferBatch-tiny-he-00000.json')).concat(
      await linesOf('inferBatch-tiny-he-00001.json'),
    );
    expect(lines.filter(({ outcome }) => outcome === 'failed')).toMatchObject([
      { step: 'inferRoi', summary: 'patient1_he_roi2_with_context' },
    ]);
  });
});
