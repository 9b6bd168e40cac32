/**
 * Our side of bench/segment-roi.ts and the subject of bench/segment-memory.ts: one ROI in a separate process.
 *
 *     tsx bench/segment-roi-ours.ts --model CONVERTED_MODEL --image IMAGE --mask MASK [--truth MASK] [--threads N]
 *       [--rows N] [--engine exact|fast]
 *
 * Prints one line of JSON, like bench/python/segment_roi_peer.py. `seconds` includes opening the networks, which is
 * repeated every four tile rows. Progress goes to stderr. `--rows` stops after that many tile rows; with `--truth`,
 * only tiles that contain an annotated pixel are predicted.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createRoiSegmenter, type RoiJob, type RoiProgress } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { peakMemory } from './segment-roi-setup.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    image: { type: 'string' },
    mask: { type: 'string' },
    truth: { type: 'string' },
    threads: { type: 'string' },
    rows: { type: 'string' },
    engine: { type: 'string', default: 'exact' },
  },
});
const { model, image, mask, truth, threads } = values;
if (model === undefined || image === undefined || mask === undefined) {
  throw new RangeError('Expected --model, --image and --mask');
}
const rows = Number(values.rows ?? Number.POSITIVE_INFINITY);
const partialDir = `${mask}.partial`;
rmSync(partialDir, { recursive: true, force: true });

const enough = new AbortController();
const started = performance.now();
const secondsNow = () => (performance.now() - started) / 1000;
let row = 0;

function report(progress: RoiProgress): void {
  if (progress.row === row && progress.phase !== 'encode') return;
  row = progress.row;
  console.error(`${secondsNow().toFixed(0)} s, ${row} of ${progress.rows} rows: peak ${peakMemory() / 1e6} MB`);
  if (row >= rows) enough.abort();
}

const segmenter = createRoiSegmenter({
  provider: 'cpu',
  engine: z.enum(['exact', 'fast']).parse(values.engine),
  ...(threads === undefined ? {} : { threads: Number(threads) }),
});
try {
  const files = { image, modelDir: model, partialDir, mask, confidence: `${mask}.margin.png` };
  const job: RoiJob = truth === undefined ? { ...files, scope: 'full' } : { ...files, truth, scope: 'annotated' };
  await segmenter.segment(job, { signal: enough.signal, onProgress: report });
} catch (error) {
  if (!enough.signal.aborted) throw error;
}
const seconds = secondsNow();
await segmenter.close();
rmSync(partialDir, { recursive: true, force: true });
console.log(JSON.stringify({ loadSeconds: 0, seconds, peakRssBytes: peakMemory() }));
